"""All that policy must know of past and present, as one transaction sees it. Not here: policy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Text,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    type_coerce,
)

from domain.journal import PastAttempt, Standing
from memory.columns import MICROSECOND, Instant
from memory.latches import lifted_at, standing_latch
from memory.part import Part
from memory.tables import approvals, attempts, claims, incidents, intents, pauses, results

CAME_BACK = timedelta(minutes=30)
"""A new incident of the same target this soon after a healed one says that it did not hold."""
HOUR = timedelta(hours=1)


_TENANT = bindparam("tenant", type_=Text)
_INCIDENT = bindparam("incident", type_=Text)
_SINCE = bindparam("since", type_=Instant)
_KEYS = bindparam("keys", type_=Text, expanding=True)


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
    of = {
        "tenant": part.tenant,
        "incident": question.incident,
        "attempt": question.attempt,
        "keys": list(question.keys),
        "now": now,
    }
    cleared: datetime | None = connection.scalar(_CLEARED, of)
    held = connection.scalars(_HELD, {**of, "fence": question.fence})
    mine = question.thread == question.incident and set(question.keys) <= set(held)
    return Standing(
        paused=connection.scalar(_PAUSED, of) or "",
        cleared_at=cleared,
        holds_claim=mine,
        recent=_recent(connection, {**of, "since": _forgiven(connection, part, question)}),
        actions_last_hour=connection.scalar(_ACTIONS, {**of, "since": now - HOUR}) or 0,
        acting=list(connection.scalars(_ACTING, of)),
        approved_digest=connection.scalar(_APPROVED, of) or "",
        latched=_latched(connection, part, question),
    )


def _forgiven(connection: Connection, part: Part, question: Question) -> datetime:
    """From when on attempts count: the window's beginning, or when a person said "again"."""
    begin = part.clock.now() - part.window
    return max(begin, lifted_at(connection, part, question.keys) or begin)


def _latched(connection: Connection, part: Part, question: Question) -> str:
    row = standing_latch(connection, part, question.keys)
    return "" if row is None else f"{row.target_key} is latched: {row.reason}"


def _recent(connection: Connection, of: dict[str, object]) -> list[PastAttempt]:
    return [
        PastAttempt(
            incident=row.incident,
            target_key=row.target_key,
            remedy=row.remedy,
            at=row.at,
            verdict="came_back" if row.came_back else row.verdict,
        )
        for row in connection.execute(_RECENT, of)
    ]


def _not_this(incident: Column[str], number: Column[int]) -> ColumnElement[bool]:
    """Any attempt but the one that asks; -1 is nobody's."""
    return or_(incident != _INCIDENT, number != bindparam("attempt"))


def _came_back() -> ColumnElement[bool]:
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
                and_(later.c.id == _INCIDENT, first.c.closed_at > bindparam("now")),
            ),
            or_(later.c.outcome.is_(None), later.c.outcome.not_in(("self_resolved", "folded"))),
        )
        .correlate(attempts),
    )


_PAUSED = select(pauses.c.reason).where(pauses.c.tenant == _TENANT)
_CLEARED = select(incidents.c.cleared_at).where(incidents.c.id == _INCIDENT)
_HELD = select(claims.c.target_key).where(
    claims.c.tenant == _TENANT,
    claims.c.incident == _INCIDENT,
    claims.c.fence == bindparam("fence"),
)
_RECENT = (
    select(attempts, _came_back().label("came_back"))
    .where(
        attempts.c.tenant == _TENANT,
        attempts.c.target_key.in_(_KEYS),
        attempts.c.at >= _SINCE,
        _not_this(attempts.c.incident, attempts.c.number),
    )
    .order_by(attempts.c.at, attempts.c.incident, attempts.c.number)
)
_ACTED = (
    select(intents.c.incident, intents.c.attempt)
    .where(
        intents.c.tenant == _TENANT,
        intents.c.at >= _SINCE,
        _not_this(intents.c.incident, intents.c.attempt),
    )
    .distinct()
    .subquery()
)
_ACTIONS = select(func.count()).select_from(_ACTED)
_ACTING = (
    select(intents.c.target_key)
    .join(incidents, incidents.c.id == intents.c.incident)
    .where(
        intents.c.tenant == _TENANT,
        incidents.c.status != "done",
        ~exists().where(results.c.key == intents.c.key),
        _not_this(intents.c.incident, intents.c.attempt),
    )
    .distinct()
    .order_by(intents.c.target_key)
)
_APPROVED = (
    select(approvals.c.digest)
    .where(approvals.c.incident == _INCIDENT, approvals.c.answer == "approve")
    .order_by(approvals.c.answered_at.desc())
    .limit(1)
)
