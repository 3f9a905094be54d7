"""Whose turn it is: jobs taken, ended, added, given back. Not here: alerts (inbox.py)."""

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import get_args

from sqlalchemy import Connection, RowMapping, Text, bindparam, delete, exists, func, select, update

from domain.errors import Conflict, NightshiftError
from domain.store import Job
from memory.columns import Instant
from memory.jobs import add_jobs, set_open, set_waiting, settle
from memory.part import Part
from memory.setback import last_event_time, mind_the_clock
from memory.tables import incidents, jobs
from memory.timeline import status_of

REASONS = get_args(Job.model_fields["why"].annotation)
"""A job that gives another one is driven as one that goes on: it may hold up nobody."""
_NOW = bindparam("now", type_=Instant)
_TENANT = bindparam("tenant", type_=Text)
_BUSY = jobs.alias("busy")
_FREE = ~exists().where(_BUSY.c.incident == jobs.c.incident, _BUSY.c.taken_at.is_not(None))
NEXT = (
    select(jobs)
    .where(jobs.c.tenant == _TENANT, jobs.c.taken_at.is_(None), jobs.c.due_at <= _NOW, _FREE)
    .order_by(jobs.c.due_at, jobs.c.id)
    .limit(1)
)
_TAKE = update(jobs).where(jobs.c.id == bindparam("job")).values(taken_at=_NOW)
_END = delete(jobs).where(jobs.c.id == bindparam("job"))
_DROP_COVERED = delete(jobs).where(
    jobs.c.incident == bindparam("of"), jobs.c.taken_at.is_(None), jobs.c.due_at <= _NOW
)
_NEXT_DUE = select(func.min(jobs.c.due_at, type_=Instant)).where(
    jobs.c.tenant == _TENANT, jobs.c.taken_at.is_(None), _FREE
)


class Queue(Part):
    """domain.store.Inbox, what comes after `accept`."""

    async def take(self) -> Job | None:
        """The oldest due job whose incident nobody works on; it is ours until `done`.

        The incident's other due jobs are gone with it: its segment answers them all. One that
        comes during the segment stays. Raises Conflict beside the service that owns the store.
        """
        self._must_own("take jobs")
        taking = asyncio.ensure_future(self.database.write_quietly(self._take))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            with suppress(NightshiftError):  # the caller ends all the same
                if (job := await taking) is not None:
                    await self.database.write(self._give_back, job)
            raise

    async def done(self, job: Job) -> None:
        """This segment ended; the job is gone."""
        await self.database.write(self._done, job)

    async def give_back(self, job: Job) -> None:
        """This segment was cut short; the job is the next to be taken, here or elsewhere."""
        await self.database.write(self._give_back, job)

    async def wake(self, incident: str, *, why: str, at: datetime) -> None:
        """Add a job due at that time. Raises NotFound."""
        await self.database.write(self._wake, incident, why, at)

    async def next_due(self) -> datetime | None:
        """When the earliest job that can be taken falls due."""
        return await self.database.read(self._next_due)

    @property
    def turns(self) -> int:
        """How often this process has changed whose turn it is: what `wait_turn` counts from."""
        return self.kept.turns

    async def wait_turn(self, after: int, timeout: float) -> None:  # noqa: ASYNC109  # a bound, not a failure
        """Return once `turns` is above `after`, or in `timeout` seconds.

        To miss nothing, note `turns`, `take`, then wait with it; the next `take` queues up behind
        the write that raised it. Other processes do not count: look again at least every second.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self.kept.turns <= after:
                    await self.database.changes.wait(None, timeout)

    async def recover(self) -> int:
        """Give back the jobs that a dead process had taken; the owner's first act.

        An open incident without a job gets a `resume` job, unless it waits for its parent.
        Returns how many jobs there are. Raises Conflict beside the service that owns the store.
        """
        self._must_own("give jobs back")
        return await self.database.write(self._recover)

    def _must_own(self, what: str) -> None:
        if not self.database.owner:
            raise Conflict(f"only the service that owns the store may {what}")

    def _take(self, connection: Connection) -> Job | None:
        now = self.clock.now()
        mind_the_clock(connection, self, now=now)
        row = connection.execute(NEXT, {"tenant": self.tenant, "now": now}).mappings().first()
        return None if row is None else take_row(connection, row, now=now)

    def _give_back(self, connection: Connection, job: Job) -> None:
        connection.execute(update(jobs).where(jobs.c.id == job.id).values(taken_at=None))
        self.kept.turns += 1

    def _done(self, connection: Connection, job: Job) -> None:
        connection.execute(_END, {"job": job.id})
        settle(connection, job.incident, now=self.clock.now())
        self.kept.turns += 1

    def _wake(self, connection: Connection, incident: str, why: str, at: datetime) -> None:
        status_of(connection, self, incident)
        add_jobs(connection, self, [incident], why=why, at=at)
        if at > self.clock.now():
            set_waiting(connection, incident)

    def _next_due(self, connection: Connection) -> datetime | None:
        due: datetime | None = connection.scalar(_NEXT_DUE, {"tenant": self.tenant})
        return due

    def _recover(self, connection: Connection) -> int:
        self.kept.latest = last_event_time(connection, self)
        return self._requeue(connection)

    def _requeue(self, connection: Connection) -> int:
        self._return_taken(connection)
        parents = incidents.alias("parents")
        folded = exists().where(parents.c.id == incidents.c.parent, parents.c.status != "done")
        idle = select(incidents.c.id).where(
            incidents.c.tenant == self.tenant,
            incidents.c.status.in_(("open", "waiting")),
            ~exists().where(jobs.c.incident == incidents.c.id),
            ~folded,
        )
        now = self.clock.now()
        mind_the_clock(connection, self, now=now)
        add_jobs(connection, self, list(connection.scalars(idle)), why="resume", at=now)
        mine = jobs.c.tenant == self.tenant
        return connection.scalar(select(func.count()).select_from(jobs).where(mine)) or 0

    def _return_taken(self, connection: Connection) -> None:
        """Whoever took a job before this process began is dead."""
        taken = (jobs.c.tenant == self.tenant, jobs.c.taken_at.is_not(None))
        connection.execute(update(jobs).where(*taken).values(taken_at=None))


def take_row(connection: Connection, row: RowMapping, *, now: datetime) -> Job:
    """This job is taken, and its incident's other due ones are gone with it."""
    connection.execute(_TAKE, {"job": row["id"], "now": now})
    connection.execute(_DROP_COVERED, {"of": row["incident"], "now": now})
    set_open(connection, row["incident"])
    why = row["why"] if row["why"] in REASONS else "resume"
    return Job(id=row["id"], incident=row["incident"], why=why, due_at=row["due_at"])
