"""What drives incidents: the same promises in one process and in several.

In a file the rows are taken by loops of this process; on PostgreSQL Procrastinate wakes a worker.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from memory.store import Store, open_store
from nightshift.checkpoints import strict_serde
from nightshift.clock import SystemClock
from nightshift.crew import Crew
from nightshift.runs import Runs
from nightshift.settings import Settings
from nightshift.testing import World
from nightshift.testing.clock import StillClock
from nightshift.testing.containers import FakeContainers
from nightshift.watch import Watch
from nightshift.wiring_cluster import open_crew
from tests.stores import CHANNELS, alert

PATIENCE_S = 15.0
Driver = Callable[[str], Awaitable[None]]


class Driven(Runs):
    """Runs that do what a test says instead of an incident's graph."""

    def __init__(self, store: Store, world: World, driver: Driver) -> None:
        deps = replace(world.deps, clock=SystemClock())
        super().__init__(store, deps, InMemorySaver(serde=strict_serde()))
        self._driver = driver

    async def drive(self, incident_id: str) -> None:
        """Note it, and do what the test says."""
        await self._driver(incident_id)


class Yard:
    """A store, and crews that work on it."""

    def __init__(self, store: Store, place: Path | str, stack: AsyncExitStack) -> None:
        self.store, self._place, self._stack = store, place, stack
        self.began: list[str] = []
        self.news = asyncio.Condition()

    async def note(self, incident: str) -> None:
        """This incident's segment began."""
        self.began.append(incident)
        async with self.news:
            self.news.notify_all()

    async def when(self, true: Callable[[], bool]) -> None:
        """Return when it is true; looked at whenever a segment begins or a test says so."""
        async with asyncio.timeout(PATIENCE_S), self.news:
            await self.news.wait_for(true)

    async def crew(self, driver: Driver | None = None, *, store: Store | None = None) -> Crew:
        """A process more that works on it, up to three incidents at a time."""
        store, clock = store or self.store, StillClock()
        world = World(store=store, clock=clock, containers=FakeContainers(clock))
        url = self._place if isinstance(self._place, str) else None
        settings = Settings(_env_file=None, database_url=url)
        runs = Driven(store, world, driver or self.note)
        watch = Watch(world.containers, store, clock)
        crew = await open_crew(settings, self._stack, store, runs, watch)
        tasks = [asyncio.create_task(work) for work in crew.workers(3)]
        self._stack.push_async_callback(_ended, crew, tasks)
        return crew


async def _ended(crew: Crew, tasks: list[asyncio.Task[None]]) -> None:
    crew.stop()
    await asyncio.wait(tasks, timeout=5)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def yard_at(place: Path | str) -> AsyncIterator[Yard]:
    """A yard over a new store there."""
    async with AsyncExitStack() as stack:
        opening = open_store(place, clock=SystemClock(), channels=CHANNELS)
        yield Yard(await stack.enter_async_context(opening), place, stack)


@pytest.fixture
async def yard(place: Path | str) -> AsyncIterator[Yard]:
    async with yard_at(place) as opened:
        yield opened


async def test_what_is_accepted_is_driven(yard: Yard) -> None:
    """Every incident of a delivery gets its segment, and its job is gone after it."""
    await yard.crew()
    found = await yard.store.accept([alert(f"n{number}") for number in range(10)])
    await yard.when(lambda: len(yard.began) == 10)
    while (await yard.store.stats()).queue_depth:
        await yard.store.wait_change(None, timeout=0.2)

    assert sorted(yard.began) == sorted(found)


async def test_what_waited_before_the_start_is_driven(yard: Yard) -> None:
    """Accepted while nobody worked, driven once somebody does."""
    (incident,) = await yard.store.accept([alert()])
    await yard.crew()
    await yard.when(lambda: yard.began == [incident])


async def test_one_incident_is_driven_by_one(yard: Yard) -> None:
    """What is asked of it meanwhile waits for the segment's end; others go on beside it."""
    gate, under_way, most = asyncio.Event(), 0, 0

    async def driver(incident: str) -> None:
        nonlocal under_way, most
        under_way, most = under_way + 1, max(most, under_way + 1)
        await yard.note(incident)
        if incident == one:
            await gate.wait()
        under_way -= 1

    (one,) = await yard.store.accept([alert("one")])
    await yard.crew(driver)
    await yard.when(lambda: yard.began == [one])
    await yard.store.accept([alert("one", status="resolved"), alert("other")])
    await yard.when(lambda: len(yard.began) == 2)
    gate.set()
    await yard.when(lambda: len(yard.began) == 3)

    assert yard.began[0] == yard.began[2] == one
    assert yard.began[1] != one
    assert most == 2


async def test_a_wait_holds_no_worker(yard: Yard) -> None:
    """Timed wake-ups of more incidents than there are workers leave room for a new alert."""
    await yard.crew()
    waiting = await yard.store.accept([alert(f"n{number}") for number in range(6)])
    await yard.when(lambda: len(yard.began) == 6)
    for one in waiting:
        await yard.store.wake(one, why="wake", at=datetime.now(UTC) + timedelta(hours=4))
    (new,) = await yard.store.accept([alert("new")])
    await yard.when(lambda: yard.began[6:] == [new])


async def test_a_wait_ends_on_time(yard: Yard) -> None:
    """Not before it is due, and within two seconds after."""
    await yard.crew()
    (incident,) = await yard.store.accept([alert()])
    await yard.when(lambda: len(yard.began) == 1)
    due = datetime.now(UTC) + timedelta(seconds=1)
    await yard.store.wake(incident, why="wake", at=due)
    await yard.when(lambda: len(yard.began) == 2)

    assert due <= datetime.now(UTC) < due + timedelta(seconds=2.5)


async def test_what_is_due_later_holds_nothing_up(yard: Yard) -> None:
    """A question that expires in four hours does not keep its incident's answer waiting."""
    await yard.crew()
    (incident,) = await yard.store.accept([alert()])
    await yard.when(lambda: len(yard.began) == 1)
    await yard.store.wake(incident, why="expiry", at=datetime.now(UTC) + timedelta(hours=4))
    await yard.store.wake(incident, why="decision", at=datetime.now(UTC))
    await yard.when(lambda: len(yard.began) == 2)


async def test_a_segment_that_fails_is_tried_again(yard: Yard) -> None:
    """An error ends the segment, not the worker, and the incident's turn comes again."""
    failures = iter([ValueError("odd")])

    async def driver(incident: str) -> None:
        await yard.note(incident)
        for error in failures:
            raise error

    await yard.crew(driver)
    (incident,) = await yard.store.accept([alert()])
    await yard.when(lambda: yard.began == [incident, incident])


async def test_who_stops_ends_what_runs(yard: Yard) -> None:
    """No further job is taken; the running segment comes to its end."""
    gate, ended = asyncio.Event(), list[str]()

    async def driver(incident: str) -> None:
        await yard.note(incident)
        await gate.wait()
        ended.append(incident)

    crew = await yard.crew(driver)
    (incident,) = await yard.store.accept([alert()])
    await yard.when(lambda: yard.began == [incident])
    crew.stop()
    await yard.store.accept([alert("later")])
    gate.set()
    while incident not in ended or (await yard.store.stats()).queue_depth != 1:
        await yard.store.wait_change(None, timeout=0.05)

    assert yard.began == [incident]
