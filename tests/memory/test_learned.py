import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from benchmarks.episodes import ListedEpisodes, made
from domain.errors import Permanent, Transient
from domain.incident import Episode
from domain.ports import Memory
from domain.recall import Embeddings, EpisodeSource, symptom_of
from memory.edge import EdgeIndex
from memory.embeddings import LexicalEmbeddings
from memory.exact import ExactIndex
from memory.index import Entry
from memory.learned import LearnedMemory


class Unreachable(ListedEpisodes):
    """A ledger that does not answer."""

    async def episode_count(self) -> int:
        """Fails."""
        raise Transient("the ledger is away")


@pytest.fixture
async def opened() -> AsyncIterator[list[LearnedMemory]]:
    """Memories to close at the end."""
    memories: list[LearnedMemory] = []
    yield memories
    for memory in memories:
        await memory.close()


def _edge(folder: Path) -> EdgeIndex:
    return EdgeIndex(folder, name="lexical-1", dim=512)


def _memory(folder: Path, source: ListedEpisodes, opened: list[LearnedMemory]) -> LearnedMemory:
    memory = LearnedMemory(_edge(folder), LexicalEmbeddings(), source)
    opened.append(memory)
    return memory


def _listed(count: int) -> ListedEpisodes:
    return ListedEpisodes([made(number) for number in range(count)])


def _ruin(folder: Path, pattern: str, contents: bytes) -> None:
    for path in [path for path in folder.rglob(pattern) if path.is_file()]:
        path.write_bytes(contents)


async def test_it_is_the_port(tmp_path: Path, opened: list[LearnedMemory]) -> None:
    """Nodes see `Memory`; the pieces are the ports of recall."""
    memory = _memory(tmp_path, _listed(0), opened)

    assert isinstance(memory, Memory)
    assert isinstance(LexicalEmbeddings(), Embeddings)
    assert isinstance(_listed(0), EpisodeSource)


async def test_what_is_stored_is_recalled(tmp_path: Path, opened: list[LearnedMemory]) -> None:
    """The second time the same thing happens, the first time is known."""
    memory = _memory(tmp_path, _listed(0), opened)
    await memory.store(made(4))
    (past,) = await memory.similar(symptom_of(made(4)), limit=1)

    assert past.episode == made(4)
    assert past.score == pytest.approx(1.0)


async def test_the_first_question_finds_what_only_the_ledger_has(
    tmp_path: Path, opened: list[LearnedMemory]
) -> None:
    """A new or deleted index is filled before it is asked, where that is quickly done."""
    memory = _memory(tmp_path, _listed(200), opened)
    found = await memory.similar(symptom_of(made(150)), limit=3)

    assert made(150) in [past.episode for past in found]
    assert memory.health() == ""


async def test_a_refill_adds_only_what_is_lacking(
    tmp_path: Path, opened: list[LearnedMemory]
) -> None:
    """A crash between ledger and index is made good; a whole index costs two counts."""
    source = _listed(100)
    memory = _memory(tmp_path, source, opened)
    first = await memory.refill()
    source.listed += [made(100), made(101)]

    assert [first, await memory.refill(), await memory.refill()] == [100, 2, 0]


async def test_a_corrupt_index_is_filled_again_by_itself(
    tmp_path: Path, opened: list[LearnedMemory]
) -> None:
    """The folder is ruined between two runs; the next question has all of the ledger."""
    memory = LearnedMemory(_edge(tmp_path), LexicalEmbeddings(), _listed(100))
    await memory.refill()
    await memory.close()
    _ruin(tmp_path, "*", b"ruined")

    again = _memory(tmp_path, _listed(100), opened)
    found = await again.similar(symptom_of(made(42)), limit=5)

    assert made(42) in [past.episode for past in found]


async def test_a_rebuild_starts_from_the_ledger_alone(
    tmp_path: Path, opened: list[LearnedMemory]
) -> None:
    """What the ledger does not know, after a restore perhaps, is forgotten."""
    memory = _memory(tmp_path, _listed(3), opened)
    await memory.store(made(9))

    assert await memory.rebuild() == 3
    assert made(9) not in [past.episode for past in await memory.similar("a down", limit=9)]


async def test_damage_met_while_running_costs_one_question(
    tmp_path: Path, opened: list[LearnedMemory]
) -> None:
    """The question that meets it raises Transient, health tells, the next one is answered."""
    memory = LearnedMemory(_edge(tmp_path), LexicalEmbeddings(), _listed(30))
    await memory.refill()
    await memory.close()
    _ruin(tmp_path, "chunk_0.mmap", b"")
    again = _memory(tmp_path, _listed(30), opened)

    with pytest.raises(Transient):
        await again.similar("down", limit=3)
    assert again.health() != ""
    assert await again.similar(symptom_of(made(1)), limit=1)


async def test_an_index_held_by_another_degrades_and_recovers(
    tmp_path: Path, opened: list[LearnedMemory]
) -> None:
    """Questions raise Transient while it is held; when it is free, nothing is missing."""
    other = _edge(tmp_path)
    other.count()
    memory = _memory(tmp_path, _listed(5), opened)
    with pytest.raises(Transient, match="another process holds"):
        await memory.similar("down", limit=1)
    held = memory.health()
    other.close()

    assert "another process holds" in held
    assert await memory.refill() == 5
    assert memory.health() == ""


async def test_a_silent_ledger_does_not_silence_memory(
    tmp_path: Path, opened: list[LearnedMemory]
) -> None:
    """What is in the index is still recalled; health says what is wrong."""
    memory = _memory(tmp_path, Unreachable(), opened)
    await memory.store(made(1))

    assert await memory.similar(symptom_of(made(1)), limit=1)
    assert memory.health() == "the ledger is away"


async def test_concurrent_stores_all_arrive(tmp_path: Path, opened: list[LearnedMemory]) -> None:
    """Many incidents end at once: the engine is only ever used by one thread."""
    memory = _memory(tmp_path, _listed(60), opened)
    await asyncio.gather(*(memory.store(made(number)) for number in range(60)))

    assert await memory.refill() == 0


class _Threads(ExactIndex):
    """Notes who called."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def put(self, entries: Sequence[Entry]) -> None:
        self.seen.add(threading.current_thread().name)
        super().put(entries)


async def test_the_index_has_a_thread_of_its_own(opened: list[LearnedMemory]) -> None:
    """The event loop never waits for the engine."""
    index = _Threads()
    memory = LearnedMemory(index, LexicalEmbeddings(), _listed(0))
    opened.append(memory)
    for number in range(5):
        await memory.store(made(number))

    assert index.seen == {"memory-index_0"}


class _Broken(LexicalEmbeddings):
    """A model that has gone wrong."""

    def __init__(self, said: Permanent | list[list[float]]) -> None:
        super().__init__()
        self._said = said

    async def embed(self, texts: list[str]) -> list[list[float]]:
        if isinstance(self._said, Permanent):
            raise self._said
        return self._said


@pytest.mark.parametrize("said", [Permanent("no such model"), [], [[1.0, 2.0]]])
async def test_a_model_that_fails_is_transient(
    said: Permanent | list[list[float]], opened: list[LearnedMemory]
) -> None:
    """Refused, too few or too short vectors: an incident goes on without memory, index unhurt."""
    memory = LearnedMemory(ExactIndex(), _Broken(said), _listed(0))
    opened.append(memory)

    with pytest.raises(Transient):
        await memory.store(made(0))


async def test_a_stuck_index_is_not_waited_for(opened: list[LearnedMemory]) -> None:
    """Every call ends within its patience."""
    go_on = threading.Event()

    class Stuck(ExactIndex):
        def count(self) -> int:
            go_on.wait(5)
            return super().count()

    memory = LearnedMemory(Stuck(), LexicalEmbeddings(), _listed(1), patience_s=0.05)
    opened.append(memory)
    with pytest.raises(Transient, match="took over"):
        await memory.refill()
    go_on.set()
    memory._patience_s = 5.0


async def test_a_closed_memory_says_so(tmp_path: Path) -> None:
    """An incident that outlives the shutdown gets an answer like any other."""
    memory = LearnedMemory(_edge(tmp_path), LexicalEmbeddings(), _listed(1))
    await memory.close()

    with pytest.raises(Transient, match="shutting down"):
        await memory.similar("down", limit=1)


async def test_closing_ends_a_refill(tmp_path: Path) -> None:
    """A shutdown does not wait for ten thousand embeddings."""
    asked = asyncio.Event()

    class Endless(ListedEpisodes):
        async def episodes(self, *, after: int = 0, limit: int) -> list[tuple[int, Episode]]:
            asked.set()
            return [(after + 1, made(after))]

    memory = LearnedMemory(_edge(tmp_path), LexicalEmbeddings(), Endless([made(0)]))
    filling = asyncio.ensure_future(memory.refill())
    await asked.wait()
    await memory.close()

    with pytest.raises(asyncio.CancelledError):
        await filling
