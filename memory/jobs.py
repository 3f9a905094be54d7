"""Jobs as rows: adding, and what the rest of the queue means for an incident's status.

Not here: taking them (queue.py).
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, exists, insert, or_, update

from memory.columns import Instant
from memory.part import Part
from memory.tables import approvals, incidents, jobs

_INSERT = insert(jobs)
_DROP_EXPIRY = delete(jobs).where(
    jobs.c.incident == bindparam("of"), jobs.c.why == "expiry", jobs.c.taken_at.is_(None)
)


def add_jobs(
    connection: Connection, part: Part, wanted: Sequence[str], *, why: str, at: datetime
) -> None:
    """One job for each of these incidents."""
    if wanted:
        row = {"tenant": part.tenant, "why": why, "due_at": at, "taken_at": None}
        connection.execute(_INSERT, [{**row, "incident": incident} for incident in wanted])
        part.kept.turns += 1


def drop_expiry(connection: Connection, incident: str) -> None:
    """Nobody is asked any more, so nothing expires."""
    connection.execute(_DROP_EXPIRY, {"of": incident})


_OPEN = (
    update(incidents)
    .where(incidents.c.id == bindparam("incident"), incidents.c.status == "waiting")
    .values(status="open")
)
_WAIT = (
    update(incidents)
    .where(incidents.c.id == bindparam("incident"), incidents.c.status == "open")
    .values(status="waiting")
)


def set_open(connection: Connection, incident: str) -> None:
    """Somebody works on it (no change when it is done)."""
    connection.execute(_OPEN, {"incident": incident})


def set_waiting(connection: Connection, incident: str) -> None:
    """Nobody works on it until something happens (no change when it is done)."""
    connection.execute(_WAIT, {"incident": incident})


_LEFT = jobs.alias()
_UNTAKEN = exists().where(_LEFT.c.incident == incidents.c.id, _LEFT.c.taken_at.is_(None))
_ASKED = exists().where(
    approvals.c.incident == incidents.c.id,
    approvals.c.answer.is_(None),
    approvals.c.closed_at.is_(None),
)
_WAIT_UNLESS_DUE = _WAIT.where(
    or_(incidents.c.parent.is_not(None), _ASKED, _UNTAKEN),
    ~_UNTAKEN.where(_LEFT.c.due_at <= bindparam("now", type_=Instant)),
)


def settle(connection: Connection, incident: str, *, now: datetime) -> None:
    """After a segment: it waits if only its parent, a person or the clock moves it on."""
    connection.execute(_WAIT_UNLESS_DUE, {"incident": incident, "now": now})
