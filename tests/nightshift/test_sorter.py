"""nightshift/sorter.py."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert

from domain.errors import NotStored
from memory.store import Store, open_store
from memory.tables import deliveries
from nightshift.sorter import UNSORTED, Sorter
from tests.stores import START, HandClock, alert


class Pausing(HandClock):
    """Sleeps until the test lets it go on."""

    def __init__(self) -> None:
        super().__init__()
        self.asleep, self.awake = asyncio.Event(), asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Say so, and wait for `awake`."""
        self.asleep.set()
        await self.awake.wait()
        self.awake.clear()


@pytest.fixture
def clock() -> Pausing:
    return Pausing()


@pytest.fixture
async def store(tmp_path: Path, clock: Pausing) -> AsyncIterator[Store]:
    async with open_store(tmp_path, clock=clock) as opened:
        yield opened


class People:
    """Who is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    async def tell(self, kind: str, sentence: str) -> None:
        """Hear it."""
        self.told.append((kind, sentence))


async def spoil(store: Store) -> None:
    """A row that no program can sort."""

    def write(connection: Connection) -> None:
        row = {"tenant": "default", "received_at": START, "size": 1, "alerts": "[{}]"}
        connection.execute(insert(deliveries), row)

    await store.database.write(write)


async def test_what_comes_alone_is_sorted_at_once(store: Store, clock: Pausing) -> None:
    """No pause comes first; what comes in the pause after it is sorted together."""
    sorter = asyncio.create_task(Sorter(store, People().tell, clock).run())
    await store.deliver([alert("a")])
    await clock.asleep.wait()
    alone = await store.stats()
    clock.asleep.clear()
    for name in ("b", "c"):
        await store.deliver([alert(name)])
    rush = await store.stats()
    clock.awake.set()
    await clock.asleep.wait()
    after = await store.stats()
    sorter.cancel()

    assert (alone.incidents, alone.unsorted) == (1, 0)
    assert (rush.incidents, rush.unsorted) == (1, 2)
    assert (after.incidents, after.unsorted) == (3, 0)


async def test_what_rushes_in_is_sorted_after_the_rush(
    store: Store, clock: Pausing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sorting would slow accepting down; it waits for a second at most."""
    rushing, over, bounds = asyncio.Event(), asyncio.Event(), list[float]()

    async def lull(timeout: float) -> None:  # noqa: ASYNC109  # the store's own
        bounds.append(timeout)
        rushing.set()
        await over.wait()

    monkeypatch.setattr(store, "lull", lull)
    sorter = asyncio.create_task(Sorter(store, People().tell, clock).run())
    await store.deliver([alert("a")])
    await rushing.wait()
    await store.deliver([alert("b")])
    during = await store.stats()
    over.set()
    await clock.asleep.wait()
    after = await store.stats()
    sorter.cancel()

    assert (during.incidents, during.unsorted) == (0, 2)
    assert (after.incidents, after.unsorted) == (2, 0)
    assert bounds == [1.0]


async def test_what_cannot_be_sorted_blocks_nobody(store: Store, clock: Pausing) -> None:
    """It is kept and people hear of it; those before and behind it are sorted."""
    people = People()
    await store.deliver([alert("a")])
    await spoil(store)
    await store.deliver([alert("b")])
    await Sorter(store, people.tell, clock).sort()
    stats = await store.stats()

    assert (stats.incidents, stats.unsorted, stats.set_aside) == (2, 0, 1)
    ((kind, sentence),) = people.told
    assert (kind, sentence.startswith("delivery 2 was accepted")) == (UNSORTED, True)


async def test_it_is_set_aside_when_people_know(store: Store, clock: Pausing) -> None:
    """If nobody can be told now, it waits."""

    async def fails(*_: str) -> None:
        raise NotStored("the disk is full")

    await spoil(store)
    with pytest.raises(NotStored):
        await Sorter(store, fails, clock).sort()
    stats = await store.stats()

    assert (stats.unsorted, stats.set_aside) == (1, 0)


async def test_a_start_sorts_what_is_left(store: Store, clock: Pausing) -> None:
    """What a dead process accepted, and once more what was set aside."""
    people = People()
    await spoil(store)
    await store.set_aside(1, "by an older program")
    await store.deliver([alert()])
    await Sorter(store, people.tell, clock).begin()

    assert (await store.stats()).incidents == 1
    assert len(people.told) == 1


async def test_a_store_that_fails_is_tried_again(
    store: Store, clock: Pausing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task lives on."""

    async def fails() -> bool:
        raise NotStored("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(store.__class__, "unsorted", lambda _: fails())
        sorter = asyncio.create_task(Sorter(store, People().tell, clock).run())
        await store.deliver([alert()])
        await clock.asleep.wait()
        clock.asleep.clear()
    await store.deliver([alert("b")])
    clock.awake.set()
    await clock.asleep.wait()
    sorter.cancel()

    assert (await store.stats()).incidents == 2


async def test_what_another_process_left_is_sorted(
    postgres: str, clock: Pausing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It accepted and died: whoever shares the store looks again and again."""
    monkeypatch.setattr("nightshift.sorter.LOOK_EVERY_S", 0.01)
    async with open_store(postgres, clock=clock) as living:
        async with open_store(postgres, clock=clock) as dead:
            await dead.deliver([alert()])
        sorter = asyncio.create_task(Sorter(living, People().tell, clock).run())
        await clock.asleep.wait()
        sorter.cancel()

        assert (await living.stats()).incidents == 1
