"""All that policy must know of past and present, as one transaction sees it. Not here: policy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    and_,
    exists,
    func,
    or_,
    select,
    true,
    type_coerce,
)

from domain.journal import PastAttempt, Standing
from memory.columns import MICROSECOND
from memory.latches import lifted_at, standing_latch
from memory.part import Part
from memory.tables import approvals, attempts, claims, incidents, intents, pauses, results

CAME_BACK = timedelta(minutes=30)
"""A new incident of the same target this soon after a healed one says that it did not hold."""
HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Question:
    """For whom a standing is read; `attempt` (of a reservation) is left out of the past."""

    incident: str
    thread: str
    fence: int
    keys: Sequence[str]
    attempt: int = -1


def read_standing(connection: Connection, part: Part, question: Question) -> Standing:
    """The standing as this transaction sees it."""
    now = part.clock.now()
    paused = connection.scalar(select(pauses.c.reason).where(pauses.c.tenant == part.tenant))
    cleared: datetime | None = connection.scalar(
        select(incidents.c.cleared_at).where(incidents.c.id == question.incident)
    )
    return Standing(
        paused=paused or "",
        cleared_at=cleared,
        holds_claim=_holds(connection, part, question),
        recent=_recent(connection, part, question, since=_forgiven(connection, part, question)),
        actions_last_hour=_actions(connection, part, question, since=now - HOUR),
        acting=_acting(connection, part, question),
        approved_digest=_approved(connection, question.incident),
        latched=_latched(connection, part, question),
    )


def _forgiven(connection: Connection, part: Part, question: Question) -> datetime:
    """From when on attempts count: the window's beginning, or when a person said "again"."""
    begin = part.clock.now() - part.window
    return max(begin, lifted_at(connection, part, question.keys) or begin)


def _latched(connection: Connection, part: Part, question: Question) -> str:
    row = standing_latch(connection, part, question.keys)
    return "" if row is None else f"{row.target_key} is latched: {row.reason}"


def _holds(connection: Connection, part: Part, question: Question) -> bool:
    held = connection.scalars(
        select(claims.c.target_key).where(
            claims.c.tenant == part.tenant,
            claims.c.incident == question.incident,
            claims.c.fence == question.fence,
        )
    )
    return question.thread == question.incident and set(question.keys) <= set(held)


def _recent(
    connection: Connection, part: Part, question: Question, *, since: datetime
) -> list[PastAttempt]:
    rows = connection.execute(
        select(attempts, _came_back(question, part.clock.now()).label("came_back"))
        .where(
            attempts.c.tenant == part.tenant,
            attempts.c.target_key.in_(question.keys),
            attempts.c.at >= since,
            _not_this(attempts.c.incident, attempts.c.number, question),
        )
        .order_by(attempts.c.at, attempts.c.incident, attempts.c.number)
    )
    return [
        PastAttempt(
            incident=row.incident,
            target_key=row.target_key,
            remedy=row.remedy,
            at=row.at,
            verdict="came_back" if row.came_back else row.verdict,
        )
        for row in rows
    ]


def _actions(connection: Connection, part: Part, question: Question, *, since: datetime) -> int:
    acted = (
        select(intents.c.incident, intents.c.attempt)
        .where(
            intents.c.tenant == part.tenant,
            intents.c.at >= since,
            _not_this(intents.c.incident, intents.c.attempt, question),
        )
        .distinct()
        .subquery()
    )
    return connection.scalar(select(func.count()).select_from(acted)) or 0


def _acting(connection: Connection, part: Part, question: Question) -> list[str]:
    rows = connection.scalars(
        select(intents.c.target_key)
        .join(incidents, incidents.c.id == intents.c.incident)
        .where(
            intents.c.tenant == part.tenant,
            incidents.c.status != "done",
            ~exists().where(results.c.key == intents.c.key),
            _not_this(intents.c.incident, intents.c.attempt, question),
        )
        .distinct()
        .order_by(intents.c.target_key)
    )
    return list(rows)


def _not_this(
    incident: Column[str], number: Column[int], question: Question
) -> ColumnElement[bool]:
    if question.attempt < 0:
        return true()
    return or_(incident != question.incident, number != question.attempt)


def _came_back(question: Question, now: datetime) -> ColumnElement[bool]:
    """It healed, its incident was closed as resolved, and the target soon had another one.

    Where the clock was put back, the incident that asks is that other one, whatever its date.
    """
    first, later = incidents.alias("first"), incidents.alias("later")
    closed = type_coerce(first.c.closed_at, BigInteger)
    opened = type_coerce(later.c.opened_at, BigInteger)
    return and_(
        attempts.c.verdict == "healed",
        exists()
        .where(
            first.c.id == attempts.c.incident,
            first.c.outcome == "resolved",
            later.c.tenant == attempts.c.tenant,
            later.c.target_key == attempts.c.target_key,
            later.c.id != first.c.id,
            or_(
                and_(opened >= closed, opened <= closed + CAME_BACK // MICROSECOND),
                and_(later.c.id == question.incident, first.c.closed_at > now),
            ),
            or_(later.c.outcome.is_(None), later.c.outcome.not_in(("self_resolved", "folded"))),
        )
        .correlate(attempts),
    )


def _approved(connection: Connection, incident: str) -> str:
    found = connection.scalar(
        select(approvals.c.digest)
        .where(approvals.c.incident == incident, approvals.c.answer == "approve")
        .order_by(approvals.c.answered_at.desc())
        .limit(1)
    )
    return found or ""
