"""What waits for a time of day, after the clock was put back. Not here: noticing it for people.

Jobs fall due, and messages are sent, by the clock. Put back by an hour, it would keep all of
them waiting for that hour. So they are done now: every node looks again whether its time has
come. Only the end of a question stays where it was: people may then answer for longer.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import BigInteger, Connection, delete, func, select, type_coerce, update

from memory.columns import MICROSECOND, Instant
from memory.outbox import resting
from memory.part import Part
from memory.tables import counters, events, jobs, outbox

log = structlog.get_logger(__name__)

TOLERATED = timedelta(seconds=2)
"""What a clock that is being corrected may go back by without anybody's waiting for it."""


def mind_the_clock(connection: Connection, part: Part, *, now: datetime) -> None:
    """If the clock went back since the last call, let nothing wait for it to catch up."""
    latest, part.kept.latest = part.kept.latest, now
    if latest is None or now >= latest - TOLERATED:
        part.kept.latest = max(now, latest) if latest else now
        return
    log.warning("clock_put_back", seconds=round((latest - now).total_seconds()))
    _wake_jobs(connection, part, now)
    _send_messages(connection, part, now)


def last_event_time(connection: Connection, part: Part) -> datetime | None:
    """When the newest event was written: at a start, the latest time that is known."""
    newest = select(func.max(events.c.seq)).where(events.c.tenant == part.tenant)
    at: datetime | None = connection.scalar(
        select(events.c.at).where(events.c.seq == newest.scalar_subquery())
    )
    return at


def _wake_jobs(connection: Connection, part: Part, now: datetime) -> None:
    connection.execute(
        update(jobs)
        .where(
            jobs.c.tenant == part.tenant,
            jobs.c.taken_at.is_(None),
            jobs.c.why != "expiry",
            jobs.c.due_at > now,
        )
        .values(due_at=now)
    )


def _send_messages(connection: Connection, part: Part, now: datetime) -> None:
    """All by the same span, so that they keep their order."""
    ours = outbox.c.tenant == part.tenant
    held = outbox.c.not_before > now
    connection.execute(update(outbox).where(ours, held).values(not_before=None))
    pauses = counters.c.name.startswith(resting(part.tenant), autoescape=True)
    connection.execute(delete(counters).where(pauses))
    newest = connection.scalar(select(func.max(outbox.c.behind_since, type_=Instant)).where(ours))
    if newest is not None and newest > now:
        ahead = (newest - now) // MICROSECOND
        connection.execute(
            update(outbox)
            .where(ours, outbox.c.version > outbox.c.delivered)
            .values(behind_since=type_coerce(outbox.c.behind_since, BigInteger) - ahead)
        )
