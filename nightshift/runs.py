"""Driving incidents: one job is one segment of one thread. Not here: what nodes do.

The checkpoint is the only record of progress; whether an incident is finished is read from the
ledger, never from the checkpoint.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.errors import GraphDrained
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import RunControl

from domain.deps import Deps
from domain.errors import NightshiftError, Permanent, Unreadable
from domain.incident import Event, Incident
from domain.state import GRAPH_VERSION, IncidentState
from domain.store import Job
from graph.build import build
from memory.arriving import LULL_S
from memory.store import Store
from nightshift.beginning import beginning

log = structlog.get_logger(__name__)

STEPS = 80
"""Supersteps in one segment before the run counts as going round in circles."""
TRIES = 8
"""Failed segments of one incident in a row before it ends as failed."""
BACKOFF_S = 2.0
IDLE_S = 1.0
GIVE_WAY_S = 0.5
"""While alerts rush in, one segment is begun in so long, however many workers there are."""


class Runs:
    """Takes jobs and drives their incidents until stopped."""

    def __init__(self, store: Store, deps: Deps, saver: BaseCheckpointSaver[str]) -> None:
        self._store, self._deps, self._saver = store, deps, saver
        self._graph: CompiledStateGraph[IncidentState, Deps] = build().compile(checkpointer=saver)
        self._failures: dict[str, int] = {}
        self._stopping = asyncio.Event()
        self._under_way: set[RunControl] = set()
        self._looking = asyncio.Lock()
        self._beginning = asyncio.Lock()

    async def work(self) -> None:
        """One worker: wait for a job, drive it, again. The idle queue behind the one that looks."""
        while not self._stopping.is_set():
            async with self._looking:
                job = await self._next()
            if job is not None and self._stopping.is_set():
                await self._insist(job, partial(self._store.give_back, job))
            elif job is not None:
                await self.segment(job)

    async def _next(self) -> Job | None:
        """Look until there is a job; None when told to stop."""
        while not self._stopping.is_set():
            seen = self._store.turns
            try:
                job = await self._store.take()
            except NightshiftError as error:
                log.warning("queue_unreadable", error=str(error))
                await self._deps.clock.sleep(IDLE_S)
                continue
            if job is not None:
                return job
            await self._idle(seen)
        return None

    def stop(self) -> None:
        """Take no further job; running segments end after the node that runs now."""
        self._stopping.set()
        for control in self._under_way:
            control.request_drain("this process is shutting down")

    async def _idle(self, seen: int) -> None:
        seconds = IDLE_S
        with suppress(NightshiftError):
            due = await self._store.next_due()
            if due is not None:
                left = (due - self._deps.clock.now()).total_seconds()
                seconds = min(IDLE_S, max(0.01, left))
        await self._store.wait_turn(seen, timeout=seconds)

    async def segment(self, job: Job) -> None:
        """Drive one job. The one place where any error is caught: a run must not end a worker.

        A worker that is cancelled gives nothing back: what it sent may still take place, and who
        takes the job over has to settle that first.
        """
        try:
            await self.drive(job.incident)
            self._failures.pop(job.incident, None)
        except GraphDrained:
            await self._insist(job, partial(self._store.give_back, job))
            return
        except Exception as error:  # noqa: BLE001  # the run boundary: recorded and tried again
            await self._failed(job, error)
        await self._insist(job, partial(self._store.done, job))

    async def _insist(self, job: Job, write: Callable[[], Awaitable[None]]) -> None:
        """Write until the store takes it: an incident without its next job would be lost."""
        while True:
            try:
                await write()
            except Permanent as error:
                log.error("store_refused", incident=job.incident, error=str(error))  # noqa: TRY400  # its sentence says it all
                return
            except NightshiftError as error:
                log.warning("store_unwritable", incident=job.incident, error=str(error))
                await self._deps.clock.sleep(IDLE_S)
            else:
                return

    async def _failed(self, job: Job, error: Exception) -> None:
        """Tell it, then try again later; for the last time, end the incident as failed.

        What cannot be read will not be readable later.
        """
        tries = self._failures[job.incident] = self._failures.get(job.incident, 0) + 1
        words = f"{type(error).__name__}: {error}"
        log.error("segment_failed", incident=job.incident, tries=tries, error=words, exc_info=error)
        now = self._deps.clock.now()
        event = Event(kind="error", at=now, text=f"the run failed: {words}")
        await self._insist(job, partial(self._store.record, job.incident, event))
        if tries >= TRIES or isinstance(error, Unreadable):
            end = partial(self._store.finish, job.incident, "failed", f"gave up: {words}", None)
            await self._insist(job, end)
            del self._failures[job.incident]
            return
        later = now + timedelta(seconds=min(60.0, BACKOFF_S * 2**tries))
        again = partial(self._store.wake, job.incident, why="resume", at=later)
        await self._insist(job, again)

    async def drive(self, incident_id: str) -> None:
        """Run this incident's graph from its last checkpoint to its end or its next wait.

        Raises GraphDrained after the node that runs now, once `stop` was called.
        """
        await self._give_way()
        incident = await self._store.incident(incident_id)
        config = config_of(incident_id)
        if incident.status == "done":
            return
        given = await self._entry(incident, config)
        with self._controlled() as control:
            wake = await self._until_it_waits(given, config, control)
        if wake:
            await self._store.wake(incident_id, why="wake", at=datetime.fromisoformat(wake))

    async def _give_way(self) -> None:
        """Accepting goes first: an alert that is accepted can wait, its sender cannot.

        Between two nodes would be too late: their checkpoint is not written then.
        """
        async with self._beginning:
            if not self._stopping.is_set():
                await self._store.lull(GIVE_WAY_S, longest_s=LULL_S)

    @contextmanager
    def _controlled(self) -> Iterator[RunControl]:
        """The means to end a run between two nodes, which is what `stop` does."""
        control = RunControl()
        self._under_way.add(control)
        if self._stopping.is_set():
            self.stop()
        try:
            yield control
        finally:
            self._under_way.discard(control)

    async def _until_it_waits(
        self, given: IncidentState | None, config: RunnableConfig, control: RunControl
    ) -> str:
        """Run node after node; a node that sets `wake_at` is the last, for waiting holds no worker.

        Returns that time, or nothing when the run ended or asks. Raises GraphDrained.
        """
        wake = ""
        steps = self._graph.astream(
            given,
            config,
            context=self._deps,
            stream_mode="updates",
            durability="sync",
            control=control,
        )
        try:
            async for step in steps:
                wake = _wake_of(step)
                if wake:
                    control.request_drain(f"it waits until {wake}")
        except GraphDrained:
            if not wake:
                raise
            return wake
        return ""

    async def _entry(self, incident: Incident, config: RunnableConfig) -> IncidentState | None:
        """What to begin with: a fresh state, or None to go on from the checkpoint."""
        snapshot = await self._graph.aget_state(config)
        version = snapshot.values.get("graph_version")
        if version == GRAPH_VERSION and snapshot.next:
            return None
        if snapshot.values:
            await self._saver.adelete_thread(incident.id)
        first = first_state(incident)
        state, after = await beginning(self._store, incident, first, snapshot.values)
        if after is None:
            return state
        log.info("attempt_under_way", incident=incident.id, after=after)
        await self._graph.aupdate_state(config, state, as_node=after)
        return None


def _wake_of(step: Mapping[str, Any]) -> str:
    """When the node that made this step wants to go on; nothing: at once."""
    found = (known.get("wake_at") for known in step.values() if isinstance(known, Mapping))
    return next((wake for wake in found if wake), "")


def config_of(incident: str) -> RunnableConfig:
    """The run configuration of an incident's own thread."""
    return {"configurable": {"thread_id": incident}, "recursion_limit": STEPS}


def first_state(incident: Incident) -> IncidentState:
    """The state a run begins with; attempts made before a restart still count."""
    return {
        "graph_version": GRAPH_VERSION,
        "incident": incident.id,
        "alert": incident.alert.plain(),
        "severity": incident.alert.severity,
        "parent": incident.parent,
        "attempts": [attempt.plain() for attempt in incident.attempts],
    }
