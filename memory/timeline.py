"""Writing events, and telling the outbox which of them are news. Not here: reading them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy import Connection, Insert, bindparam, case, insert, select

from domain.errors import NotFound
from domain.incident import Event, EventKind, Incident
from memory.database import insert_into
from memory.part import Part
from memory.rows import event_of, incident_of
from memory.tables import events, incidents, outbox

ALWAYS_NEWS = frozenset(
    {
        "received",
        "diagnosis",
        "approval_requested",
        "effect",
        "verdict",
        "outcome",
        "latched",
        "reminded",
    }
)
RINGS = frozenset({"approval_requested", "reminded"})
LOUD_OUTCOMES = frozenset({"escalated", "failed"})
TEXT_LIMIT = 4000
"""Characters kept of an event's text: a message shows less."""

_INSERT = insert(events)


@dataclass(frozen=True)
class News:
    """An incident whose message has more to show; `loud` asks for a person's attention."""

    incident: str
    loud: bool


def news(incident: str, event: Event) -> News | None:
    """What this event means for the incident's message, if anything."""
    if event.kind == "folded":
        shown = "child" in event.data
    elif event.kind == "policy":
        shown = event.data.get("kind") in ("refused", "needs_approval")
    else:
        shown = event.kind in ALWAYS_NEWS
    loud = event.kind in RINGS or (
        event.kind == "outcome" and event.data.get("outcome") in LOUD_OUTCOMES
    )
    return News(incident, loud) if shown else None


def label(event: Event) -> str:
    """What statistics count events by: the rule of a refusal, else nothing."""
    refused = event.kind == "policy" and event.data.get("kind") == "refused"
    return str(event.data.get("rule", "")) if refused else ""


def tell(
    connection: Connection, part: Part, told: Sequence[tuple[str, Event]], *, now: datetime
) -> None:
    """Add events to their incidents' timelines and bring the outbox to know of them."""
    if not told:
        return
    rows = [_row(part.tenant, incident, event) for incident, event in told]
    connection.execute(_INSERT, rows)
    fresh = [found for found in (news(*one) for one in told) if found]
    bump(connection, part, fresh, now=now)


def bump(connection: Connection, part: Part, fresh: Sequence[News], *, now: datetime) -> None:
    """Raise the version of these incidents' messages in every channel."""
    rows = [
        {
            "incident": one.incident,
            "channel": channel,
            "tenant": part.tenant,
            "version": 1,
            "loud_version": int(one.loud),
            "behind_since": now,
        }
        for one in fresh
        for channel in part.channels
    ]
    if not rows:
        return
    connection.execute(_raise(connection.dialect.name), rows)


@cache
def _raise(dialect: str) -> Insert:
    row = insert_into(dialect, outbox)
    was, given = outbox.c, row.excluded
    changed = {
        "version": was.version + 1,
        "loud_version": case((given.loud_version > 0, was.version + 1), else_=was.loud_version),
        "behind_since": case(
            (was.version > was.delivered, was.behind_since), else_=given.behind_since
        ),
    }
    return row.on_conflict_do_update(index_elements=["incident", "channel"], set_=changed)


_LAST_OF = (
    select(events)
    .where(
        events.c.incident == bindparam("incident"),
        events.c.kind.in_(bindparam("kinds", expanding=True)),
    )
    .order_by(events.c.seq.desc())
    .limit(1)
)


def last_of(connection: Connection, incident: str, *kinds: EventKind) -> Event | None:
    """The newest event of these kinds on that timeline."""
    row = connection.execute(_LAST_OF, {"incident": incident, "kinds": kinds}).first()
    return None if row is None else event_of(row)


def told_outcome(connection: Connection, incident: str, event: Event) -> bool:
    """Whether this outcome stands on the timeline already: an end is announced once."""
    if event.kind != "outcome":
        return False
    last = last_of(connection, incident, "outcome", "reopened")
    return last is not None and last.data.get("outcome") == event.data.get("outcome")


_KNOWN = select(incidents.c.status).where(
    incidents.c.id == bindparam("id"), incidents.c.tenant == bindparam("tenant")
)


_ONE = select(incidents).where(
    incidents.c.id == bindparam("id"), incidents.c.tenant == bindparam("tenant")
)


def incident_in(connection: Connection, part: Part, incident: str) -> Incident:
    """One incident. Raises NotFound."""
    found = connection.execute(_ONE, {"id": incident, "tenant": part.tenant}).mappings().first()
    if found is None:
        raise NotFound(f"there is no incident {incident!r}")
    return incident_of(found)


def status_of(connection: Connection, part: Part, incident: str) -> str:
    """Its status. Raises NotFound."""
    status = connection.scalar(_KNOWN, {"id": incident, "tenant": part.tenant})
    if status is None:
        raise NotFound(f"there is no incident {incident!r}")
    return str(status)


def _row(tenant: str, incident: str, event: Event) -> dict[str, object]:
    return {
        "tenant": tenant,
        "incident": incident,
        "kind": event.kind,
        "label": label(event),
        "at": event.at,
        "text": event.text[:TEXT_LIMIT],
        "data": event.data,
    }
