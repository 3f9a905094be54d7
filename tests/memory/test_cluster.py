"""memory/cluster.py: the check that is made once for all, and breakdowns that end nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import psycopg
import pytest
from procrastinate import App
from procrastinate.exceptions import ConnectorException
from procrastinate.testing import InMemoryConnector
from structlog.testing import capture_logs

from domain.errors import Transient
from domain.store import Job
from memory.cluster import OPTIONS, Cluster, Watched, open_cluster
from memory.cluster_store import ClusterStore
from memory.patience import STATEMENT_MS
from memory.store import open_store
from nightshift.clock import SystemClock
from tests.stores import CHANNELS, alert


class Crew:
    """Processes over one database, as far as Procrastinate is concerned."""

    def __init__(self, stack: AsyncExitStack, address: str) -> None:
        self._stack, self._address = stack, address
        self.checks: list[int] = []
        self.driven: list[str] = []
        self.news = asyncio.Event()
        self.stores: list[ClusterStore] = []

    async def add(self, *, every: float) -> None:
        """One process more."""
        number = len(self.stores)
        store = await self._stack.enter_async_context(
            open_store(self._address, clock=SystemClock(), channels=CHANNELS)
        )
        assert isinstance(store, ClusterStore)
        self.stores.append(store)
        cluster = await self._stack.enter_async_context(open_cluster(store))

        async def check() -> None:
            self.checks.append(number)
            self.news.set()

        async def segment(job: Job) -> None:
            self.driven.append(job.incident)
            await store.done(job)
            self.news.set()

        tasks = [
            asyncio.create_task(cluster.work(segment, concurrency=2, check=check)),
            asyncio.create_task(cluster.every(every)),
        ]
        self._stack.push_async_callback(_ended, cluster, tasks)

    async def until_driven(self, count: int) -> None:
        """Return when so many segments were driven."""
        async with asyncio.timeout(20):
            while len(self.driven) < count:
                self.news.clear()
                await self.news.wait()


async def _ended(cluster: Cluster, tasks: list[asyncio.Task[None]]) -> None:
    cluster.stop()
    for task in tasks[1:]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def crew(postgres: str) -> AsyncIterator[Crew]:
    async with AsyncExitStack() as stack:
        yield Crew(stack, postgres)


async def test_the_check_is_made_once_for_all(crew: Crew) -> None:
    """Three processes, one second each: as many checks as seconds, not three times as many."""
    for _ in range(3):
        await crew.add(every=1.0)
    await asyncio.sleep(4.5)

    assert 3 <= len(crew.checks) <= 5


async def test_a_worker_outlives_its_connections(crew: Crew, postgres: str) -> None:
    """Cut off from the database it begins again and drives what came since."""
    await crew.add(every=3600)
    await crew.stores[0].accept([alert("before")])
    await crew.until_driven(1)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    await crew.stores[0].accept([alert("after")])
    await crew.until_driven(2)


async def test_a_worker_that_was_forgotten_signs_on_again(crew: Crew, postgres: str) -> None:
    """Frozen for so long that others struck it off, it goes on under another number."""
    await crew.add(every=3600)
    await crew.stores[0].accept([alert("before")])
    await crew.until_driven(1)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DELETE FROM procrastinate_workers")
    await crew.stores[0].accept([alert("after")])
    await crew.until_driven(2)


async def test_the_queue_gives_up_at_the_server_too(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that waits for a lock is not deferred long after we have stopped waiting for it."""
    monkeypatch.setattr("memory.cluster.OPTIONS", OPTIONS.replace(str(STATEMENT_MS), "300"))
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(postgres, clock=SystemClock()))
        assert isinstance(store, ClusterStore)
        cluster = await stack.enter_async_context(open_cluster(store))
        with psycopg.connect(postgres) as other:
            other.execute("LOCK TABLE procrastinate_jobs IN SHARE MODE")
            with capture_logs() as logs:
                checking = asyncio.create_task(cluster.every(0.1))
                async with asyncio.timeout(5):
                    while not logs:  # noqa: ASYNC110  # a log wakes nobody
                        await asyncio.sleep(0.05)
                checking.cancel()
            kept = other.execute("SELECT count(*) FROM procrastinate_jobs").fetchone()

    assert logs[0]["event"] == "check_not_deferred"
    assert kept == (0,)


async def test_a_worker_without_a_heartbeat_ends() -> None:
    """All hands full and nothing to fetch: it is noticed all the same that it counts as dead."""
    app = App(connector=InMemoryConnector())
    begun, gate = asyncio.Event(), asyncio.Event()

    @app.task(name="long", queue="q")
    async def long() -> None:
        begun.set()
        await gate.wait()

    async def failing(worker_id: int) -> None:
        raise ConnectorException

    async with app.open_async():
        app.job_manager.update_heartbeat = failing  # type: ignore[method-assign]  # it stands for it
        await long.defer_async()
        worker = Watched(app, queues=["q"], update_heartbeat_interval=0.01, listen_notify=False)
        running = asyncio.create_task(worker.run())  # type: ignore[no-untyped-call]  # Procrastinate's
        await begun.wait()
        async with asyncio.timeout(5):
            while not worker._stop_event.is_set():  # noqa: ASYNC110  # Procrastinate tells nobody
                await asyncio.sleep(0.01)
        gate.set()
        await running


async def test_who_waits_for_a_turn_can_be_ended(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store fails while the asking worker is cut short: it ends, and does not ask again."""
    asked, gate = asyncio.Event(), asyncio.Event()

    async def failing(*_: object) -> None:
        asked.set()
        await gate.wait()
        raise Transient("connection refused")

    await crew.add(every=3600)
    store = crew.stores[0]
    monkeypatch.setattr(store.database, "write_quietly", failing)
    turn = asyncio.create_task(store.take_turn("i", worker=1))
    await asked.wait()
    turn.cancel()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await turn
