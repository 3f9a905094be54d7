"""Qdrant, in the process and as a server: down, slow and lying. No incident waits for it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from domain.errors import Transient
from domain.incident import Incident
from memory.edge import EdgeIndex
from memory.embeddings import LexicalEmbeddings
from memory.index import Index
from memory.learned import LearnedMemory
from memory.server import ServerIndex
from nightshift.degraded import degraded_words
from tests.graph.driving import Service
from tests.qdrant import QdrantStandIn, qdrant_standin
from tests.stores import episode

MODEL = LexicalEmbeddings()


def edge(folder: Path) -> EdgeIndex:
    """The engine in this process."""
    return EdgeIndex(folder / "memory", name=MODEL.name, dim=MODEL.dim)


def server(url: str) -> ServerIndex:
    """The index on a server."""
    return ServerIndex(url, name=MODEL.name, dim=MODEL.dim, timeout_s=1)


async def healed(service: Service) -> Incident:
    """The end of a crash; the fix must not depend on memory."""
    service.world.containers.crash("web")
    row = await service.end(await service.alert())
    assert service.verbs() == ["start web"]
    assert row.outcome == "resolved"
    return row


async def told(service: Service, row: Incident) -> str:
    """The degraded line of its message."""
    return degraded_words(await service.world.store.timeline(row.id))


@pytest.fixture
async def opened() -> AsyncIterator[list[LearnedMemory]]:
    """Memories to be closed at the end."""
    made: list[LearnedMemory] = []
    yield made
    for memory in made:
        try:
            await memory.close()
        except Transient:
            continue


@pytest.fixture
def qdrant() -> Iterator[QdrantStandIn]:
    """A server."""
    with qdrant_standin() as standin:
        yield standin


def remembers(service: Service, opened: list[LearnedMemory], index: Index) -> LearnedMemory:
    """The service's memory over this index, with little patience."""
    memory = LearnedMemory(index, MODEL, service.world.store, patience_s=2.0, settle_s=0.2)
    opened.append(memory)
    service.world.memory = memory
    return memory


async def test_edge_down(service: Service, opened: list[LearnedMemory], tmp_path: Path) -> None:
    """Another process holds it: healed without, told, and filled when it is free again."""
    other = edge(tmp_path)
    other.count()
    memory = remembers(service, opened, edge(tmp_path))
    row = await healed(service)
    health = memory.health()
    other.close()

    assert "memory is out of order" in await told(service, row)
    assert health
    assert (await memory.refill(), memory.health()) == (1, "")


async def test_edge_slow(service: Service, opened: list[LearnedMemory], tmp_path: Path) -> None:
    """An engine that does not return is not waited for."""
    index = edge(tmp_path)
    memory = remembers(service, opened, index)
    await memory.refill()
    free = threading.Event()
    stuck = asyncio.get_running_loop().run_in_executor(memory._thread, free.wait, 60)
    row = await healed(service)
    words = await told(service, row)
    free.set()
    await stuck

    assert "took over 2 s" in words
    assert (await memory.refill(), memory.health()) == (1, "")


async def test_edge_lies(service: Service, opened: list[LearnedMemory], tmp_path: Path) -> None:
    """Other incidents than those asked for: they can neither add an act nor take one away."""
    index = edge(tmp_path)
    memory = remembers(service, opened, index)
    foreign = episode("foreign").model_copy(
        update={"healed_by": "raise_memory", "failed": ["start"], "symptom": "web is down"}
    )
    await memory.store(foreign)
    await healed(service)
    past = await service.world.store.past(
        alert_name="ContainerDown", service="web", kind="container"
    )

    assert [one.healed_by for one in past] == ["start"]


async def test_server_down(service: Service, opened: list[LearnedMemory]) -> None:
    """Nobody listens: healed without memory, and told."""
    memory = remembers(service, opened, server("http://127.0.0.1:9"))
    row = await healed(service)

    assert "memory is out of order: the memory server gives no answer" in await told(service, row)
    assert memory.health()


async def test_server_back(
    service: Service, opened: list[LearnedMemory], qdrant: QdrantStandIn
) -> None:
    """What was learned while it was away is filled in from the ledger."""
    memory = remembers(service, opened, server(qdrant.url))
    await memory.refill()
    qdrant.answers = [503] * 9
    row = await healed(service)
    qdrant.answers = []
    lacked = await memory.refill()

    assert "the memory server answers 503" in await told(service, row)
    assert (lacked, memory.health()) == (1, "")


async def test_server_slow(
    service: Service, opened: list[LearnedMemory], qdrant: QdrantStandIn
) -> None:
    """It takes the question and says nothing."""
    memory = remembers(service, opened, server(qdrant.url))
    await memory.refill()
    qdrant.answers = [0] * 9
    row = await healed(service)
    words = await told(service, row)
    qdrant.released.set()

    assert "memory is out of order" in words


@pytest.mark.parametrize("payload", [{}, {"metadata": {"incident": 7}}])
async def test_server_lies(
    service: Service,
    opened: list[LearnedMemory],
    qdrant: QdrantStandIn,
    payload: dict[str, object],
) -> None:
    """Points that are no episodes are no memory, and no crash."""
    memory = remembers(service, opened, server(qdrant.url))
    await memory.store(episode("x"))
    (name,) = [one.name for one in qdrant.truth.get_collections().collections]
    points, _ = qdrant.truth.scroll(name)
    qdrant.truth.overwrite_payload(name, payload, [point.id for point in points])
    row = await healed(service)

    assert "memory is out of order" in await told(service, row)


async def test_server_emptied(
    service: Service, opened: list[LearnedMemory], qdrant: QdrantStandIn
) -> None:
    """It answers, and has forgotten everything: filled again from the ledger."""
    memory = remembers(service, opened, server(qdrant.url))
    await healed(service)
    for one in qdrant.truth.get_collections().collections:
        qdrant.truth.delete_collection(one.name)
    with pytest.raises(Transient):
        await memory.refill()

    assert (await memory.refill(), memory.health()) == (1, "")
