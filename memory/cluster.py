"""Procrastinate at work: what wakes this process for a job, on time, one incident at a time.

It knows which workers live, hands over what a dead one had, and defers the periodic check once
for all. Not here: what a job does, or whose it is (cluster_queue.py).
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import psycopg
import structlog
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ProcrastinateException
from procrastinate.jobs import DeleteJobCondition
from procrastinate.jobs import Job as Deferred
from procrastinate.worker import Worker

from domain.errors import NightshiftError, Transient
from domain.store import Job
from memory.cluster_store import ClusterStore
from memory.enqueueing import TASK, queue_of
from memory.patience import REACHING, RECONNECT_S, STATEMENT_MS, AsyncImpatient
from memory.postgres import address
from memory.turns import TURN, Turn

log = structlog.get_logger(__name__)

CHECK = "nightshift.check"
BEAT_S = 3.0
"""How often a worker says that it lives."""
POLL_S = 1.0
"""How soon a job is seen that nobody was told of: a timed one that falls due."""
SWEEP_S = 5.0
AGAIN_S = 1.0
DRAIN_S = 20.0
WAIT_S = 10.0
"""How long Procrastinate waits for a connection before it begins again."""
OPTIONS = f"-c statement_timeout={STATEMENT_MS}"
Segment = Callable[[Job], Awaitable[None]]
Check = Callable[[], Awaitable[None]]


class Watched(Worker):
    """Ends when it is not heard of any more, to be begun anew.

    Procrastinate means to look after heartbeat and listener, but only until the first of its side
    tasks ends; without periodic tasks of its own one does so at once, in order. Then a worker whose
    heartbeat has failed works on, and for all others it is dead.
    """

    async def _periodic_deferrer(self) -> None:
        await asyncio.Event().wait()


class Cluster:
    """This process as one of the workers of the store's queue."""

    def __init__(self, store: ClusterStore, app: App) -> None:
        self._store, self._app = store, app
        self._queue = queue_of(store.tenant)
        self._worker: Watched | None = None
        self._stopping = asyncio.Event()

    async def work(self, segment: Segment, *, concurrency: int, check: Check | None = None) -> None:
        """Run due jobs, so many at a time, until `stop`; whatever breaks is begun again."""
        self._register(segment, check)
        sweeping = asyncio.create_task(self._sweep(), name="sweep")
        try:
            while not self._stopping.is_set():
                await self._run(concurrency)
                if not self._stopping.is_set():
                    await asyncio.sleep(AGAIN_S)
        finally:
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)

    def stop(self) -> None:
        """Take no further job; running ones go on to their end."""
        self._stopping.set()
        if self._worker is not None:
            self._worker.stop()  # type: ignore[no-untyped-call]  # Procrastinate's

    async def drive(self, segment: Segment, incident: str, worker: int) -> None:
        """One segment, if there is one to drive; a job of ours may be answered already."""
        taken = await self._turn(incident, worker)
        if taken is None:
            return
        job, turn = taken
        mine = TURN.set(turn)
        try:
            await segment(job)
        finally:
            TURN.reset(mine)

    async def _turn(self, incident: str, worker: int) -> tuple[Job, Turn] | None:
        """Ask until the store answers: a turn that was ours unheard would be nobody's.

        None when told to stop: a worker that has left has no turn.
        """
        while not self._stopping.is_set():
            try:
                return await self._store.take_turn(incident, worker=worker)
            except NightshiftError as error:
                log.warning("job_not_taken", incident=incident, error=str(error))
            await asyncio.sleep(AGAIN_S)
        return None

    async def every(self, seconds: float) -> None:
        """Defer the check each time that so many seconds have passed, once for all processes."""
        while True:
            slot = int(time.time() // seconds + 1)
            await asyncio.sleep(slot * seconds - time.time())
            job = Deferred(
                queue=self._queue,
                lock=f"{self._queue}-check",
                queueing_lock=f"{self._queue}-check",
                task_name=CHECK,
                task_kwargs={"timestamp": slot},
            )
            try:
                await self._app.job_manager.defer_periodic_job(
                    job=job, periodic_id=self._queue, defer_timestamp=slot
                )
            except AlreadyEnqueued:
                log.warning("check_overdue")
            except (ProcrastinateException, psycopg.Error, OSError) as error:
                log.warning("check_not_deferred", error=str(error))

    def _register(self, segment: Segment, check: Check | None) -> None:
        @self._app.task(name=TASK, queue=self._queue, pass_context=True)
        async def drive(context: JobContext, incident: str) -> None:
            await self.drive(segment, incident, context.job.worker_id or 0)

        @self._app.task(name=CHECK, queue=self._queue)
        async def look(timestamp: int) -> None:
            if check is not None:
                await check()

    async def _run(self, concurrency: int) -> None:
        takeover = self._store.takeover.total_seconds()
        self._worker = Watched(
            self._app,
            queues=[self._queue],
            concurrency=concurrency,
            fetch_job_polling_interval=POLL_S,
            shutdown_graceful_timeout=DRAIN_S,
            delete_jobs=DeleteJobCondition.ALWAYS,
            install_signal_handlers=False,
            update_heartbeat_interval=min(BEAT_S, takeover / 3),
            stalled_worker_timeout=takeover,
        )
        try:
            await self._worker.run()  # type: ignore[no-untyped-call]  # Procrastinate's
        except (ProcrastinateException, psycopg.Error, OSError) as error:
            log.warning("worker_broke", error=str(error))
        finally:
            self._worker = None

    async def _sweep(self) -> None:
        """Give what the dead had to the living, and what nobody heard of to somebody."""
        while True:
            try:
                await self._store.sweep()
            except NightshiftError as error:
                log.warning("not_swept", error=str(error))
            await asyncio.sleep(min(SWEEP_S, self._store.takeover.total_seconds() / 3))


@asynccontextmanager
async def open_cluster(store: ClusterStore) -> AsyncIterator[Cluster]:
    """Procrastinate over its own few connections to the store's database."""
    logging.getLogger("procrastinate").setLevel(logging.WARNING)
    connector = PsycopgConnector(
        conninfo=address(store.server.url),
        min_size=1,
        max_size=4,
        timeout=WAIT_S,
        reconnect_timeout=RECONNECT_S,
        connection_class=AsyncImpatient,
        kwargs={**REACHING, "options": OPTIONS, "application_name": "nightshift-jobs"},
    )
    app = App(connector=connector)
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(app.open_async())
        except (ProcrastinateException, psycopg.Error) as error:
            raise Transient(f"the queue's database does not answer: {error}") from error
        yield Cluster(store, app)
