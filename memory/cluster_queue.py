"""Whose turn it is where several processes work. Not here: waking them (enqueueing.py).

A row of `jobs` stays the truth, as in a file; Procrastinate wakes a worker for it and knows which
workers live. A row that a dead worker had taken goes to the next one that asks.
"""

import asyncio
from contextlib import suppress

from sqlalchemy import Connection, Text, bindparam, delete, exists, select, text

from domain.errors import NightshiftError
from domain.store import Job
from memory.columns import Instant
from memory.database import insert_into
from memory.enqueueing import enqueue, queue_of
from memory.queue import NEXT, Queue, take_row
from memory.tables import jobs
from memory.turns import Turn, numbers, turns

_RETURN = text(
    "UPDATE jobs SET taken_at = NULL WHERE tenant = :tenant AND taken_at IS NOT NULL "
    "AND (:incident = '' OR incident = :incident) AND NOT EXISTS ("
    "SELECT 1 FROM turns JOIN procrastinate_workers AS w ON w.id = turns.worker "
    "WHERE turns.incident = jobs.incident AND turns.worker <> :asking "
    "AND w.last_heartbeat > clock_timestamp() - make_interval(secs => :takeover))"
)
_FORGET_TURNS = text(
    "DELETE FROM turns WHERE NOT EXISTS "
    "(SELECT 1 FROM jobs WHERE jobs.incident = turns.incident AND taken_at IS NOT NULL)"
)
_END_STALLED = text(
    "SELECT procrastinate_finish_job_v1(job.id, 'failed', true) FROM procrastinate_jobs AS job "
    "WHERE job.queue_name = :queue AND job.status = 'doing' AND NOT EXISTS ("
    "SELECT 1 FROM procrastinate_workers AS w WHERE w.id = job.worker_id "
    "AND w.last_heartbeat > clock_timestamp() - make_interval(secs => :takeover))"
)
"""A stalled job is ended, not set back: the worker that was taken for dead would end it later,
under the hands of whoever has it by then (Procrastinate does not ask who ends a job)."""
_UNHEARD = (
    "SELECT incident, min(due_at) AS due_at FROM jobs WHERE tenant = :tenant "
    "AND (:incident = '' OR incident = :incident) AND taken_at IS NULL "
    "AND NOT EXISTS (SELECT 1 FROM jobs AS busy "
    "WHERE busy.incident = jobs.incident AND busy.taken_at IS NOT NULL) "
    "AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs AS job "
    "WHERE job.lock = jobs.incident AND job.status = 'todo' AND (job.scheduled_at IS NULL "
    "OR job.scheduled_at <= clock_timestamp() + interval '1 second' "
    "+ (jobs.due_at - :now) * interval '1 microsecond')) GROUP BY incident"
)
"""Rows for which nobody would be woken in time."""
_UNHEARD_ROWS = (
    text(_UNHEARD)
    .bindparams(bindparam("now", type_=Instant))
    .columns(incident=Text, due_at=Instant)
)
_OF = NEXT.where(jobs.c.incident == bindparam("incident"))


class ClusterQueue(Queue):
    """domain.store.Inbox, its second half, for several processes."""

    async def take_turn(self, incident: str, *, worker: int) -> tuple[Job, Turn] | None:
        """The incident's due job, for this worker of Procrastinate's; None: nothing to do now.

        What is written within the turn (`TURN` is set to it) is refused once somebody else has
        taken the incident. Raises Conflict beside a service that owns the store.
        """
        self._must_own("take jobs")
        taking = asyncio.ensure_future(
            self.database.write_quietly(self._take_turn, incident, worker)
        )
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            with suppress(NightshiftError):  # the caller ends all the same
                if (taken := await taking) is not None:
                    await self.database.write(self._give_back, taken[0])
            raise

    async def sweep(self) -> int:
        """What `recover` does, again and again and without waking everybody. Raises Transient."""
        return await self.database.write_quietly(self._requeue)

    def _take_turn(
        self, connection: Connection, incident: str, worker: int
    ) -> tuple[Job, Turn] | None:
        now = self.clock.now()
        self._return_taken(connection, incident, asking=worker)
        given = {"tenant": self.tenant, "now": now, "incident": incident}
        row = connection.execute(_OF, given).mappings().first()
        if row is None:
            self._queue_unheard(connection, incident)
            return None
        job = take_row(connection, row, now=now)
        number = connection.execute(select(numbers.next_value())).scalar_one()
        mine = insert_into(connection.dialect.name, turns).values(
            incident=incident, number=number, worker=worker
        )
        again = {"number": mine.excluded.number, "worker": mine.excluded.worker}
        connection.execute(mine.on_conflict_do_update(index_elements=["incident"], set_=again))
        return job, Turn(incident=incident, number=number)

    def _done(self, connection: Connection, job: Job) -> None:
        super()._done(connection, job)
        busy = exists().where(jobs.c.incident == job.incident, jobs.c.taken_at.is_not(None))
        connection.execute(delete(turns).where(turns.c.incident == job.incident, ~busy))

    def _give_back(self, connection: Connection, job: Job) -> None:
        super()._give_back(connection, job)
        self._queue_unheard(connection, job.incident)

    def _requeue(self, connection: Connection) -> int:
        given = {"queue": queue_of(self.tenant), "takeover": self.takeover.total_seconds()}
        connection.execute(_END_STALLED, given)
        count = super()._requeue(connection)
        self._queue_unheard(connection)
        return count

    def _return_taken(self, connection: Connection, incident: str = "", *, asking: int = 0) -> None:
        """Of those that have taken a job, some are dead.

        Who asks for an incident's turn does not work on it, whatever it was given unheard.
        """
        given = {
            "tenant": self.tenant,
            "incident": incident,
            "asking": asking,
            "takeover": self.takeover.total_seconds(),
        }
        if connection.execute(_RETURN, given).rowcount:
            connection.execute(_FORGET_TURNS)

    def _queue_unheard(self, connection: Connection, incident: str = "") -> None:
        now = self.clock.now()
        given = {"tenant": self.tenant, "incident": incident, "now": now}
        rows = connection.execute(_UNHEARD_ROWS, given).all()
        if rows:
            enqueue(connection, self.tenant, [(row.incident, row.due_at - now) for row in rows])
