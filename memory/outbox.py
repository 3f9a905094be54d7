"""Messages that are behind their events. Not here: their words, or the channels."""

from datetime import datetime, timedelta
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Integer,
    Row,
    Text,
    and_,
    bindparam,
    case,
    exists,
    func,
    not_,
    or_,
    select,
    type_coerce,
    update,
)

from domain.store import Draft
from memory.columns import MICROSECOND, Instant, micros
from memory.database import insert_into
from memory.part import Part
from memory.tables import counters, incidents, outbox

log = structlog.get_logger(__name__)

RECURRENCE = timedelta(minutes=10)
"""An alert that comes again this soon and recovers by itself is not worth a message."""
HOLD = timedelta(seconds=60)
"""How long such a recurrence may be silent while nothing is known but its arrival."""
ARRIVAL = timedelta(seconds=2)
"""How long a first message waits for more than its arrival: a folded alert needs none."""
LONGEST_REST = timedelta(hours=1)
"""A pause was noted by a clock that may have been another host's, or be set right since."""
ERROR_LIMIT = 500


class Drafts(Part):
    """domain.store.Outbox."""

    async def drafts(self, channel: str, *, limit: int) -> list[Draft]:
        """Messages behind their events and not held back now, oldest first.

        An incident that folded has no message of its own, unless one was out before it did.
        """
        return await self.database.read(self._drafts, channel, limit)

    async def delivered(self, draft: Draft, *, external_id: str) -> None:
        """This version is out."""
        await self.database.write_quietly(self._delivered, draft, external_id)

    async def postpone(self, draft: Draft, *, until: datetime, error: str) -> None:
        """Not now; the error is kept for `doctor` and the message."""
        await self.database.write_quietly(self._postpone, draft, until, error)

    async def rest(self, channel: str, *, until: datetime) -> None:
        """The channel asked for a pause: whoever speaks to it next has to know."""
        await self.database.write_quietly(self._rest, channel, until)

    async def rests_until(self, channel: str) -> datetime | None:
        """The end of the last pause that it asked for; an hour from now at most."""
        return await self.database.read(self._rests_until, channel)

    def _drafts(self, connection: Connection, channel: str, limit: int) -> list[Draft]:
        now = self.clock.now()
        given = {"tenant": self.tenant, "channel": channel, "limit": limit, "now": now}
        early = {"arrived": now - ARRIVAL, "recurred": now - HOLD}
        found = (_draft(row) for row in connection.execute(_DRAFTS, given | early))
        return [draft for draft in found if draft]

    def _delivered(self, connection: Connection, draft: Draft, external_id: str) -> None:
        given = {
            "of": draft.incident,
            "in": draft.channel,
            "out": draft.version,
            "known": external_id,
            "now": self.clock.now(),
        }
        connection.execute(_DELIVERED, given)

    def _postpone(self, connection: Connection, draft: Draft, until: datetime, error: str) -> None:
        connection.execute(
            update(outbox)
            .where(*_of(draft))
            .values(tries=outbox.c.tries + 1, not_before=until, error=error[:ERROR_LIMIT])
        )

    def _rests_until(self, connection: Connection, channel: str) -> datetime | None:
        name = f"{resting(self.tenant)}{channel}"
        until: datetime | None = connection.scalar(
            select(type_coerce(counters.c.value, Instant)).where(counters.c.name == name)
        )
        return min(until, self.clock.now() + LONGEST_REST) if until else None

    def _rest(self, connection: Connection, channel: str, until: datetime) -> None:
        row = insert_into(connection.dialect.name, counters).values(
            name=f"{resting(self.tenant)}{channel}", value=micros(until)
        )
        again = {"value": row.excluded.value}
        connection.execute(row.on_conflict_do_update(index_elements=["name"], set_=again))


def resting(tenant: str) -> str:
    """What the names of this tenant's pauses begin with, in `counters`."""
    return f"rests_until/{tenant}/"


def _draft(row: Row[*tuple[Any, ...]]) -> Draft | None:
    """A row of `outbox`; one that cannot be read, which a file allows, holds up nobody."""
    try:
        return Draft(
            incident=row.incident,
            channel=row.channel,
            version=row.version,
            loud=row.loud_version > row.delivered,
            external_id=row.external_id,
            tries=row.tries,
        )
    except (ValidationError, TypeError) as error:
        log.error("draft_unreadable", incident=row.incident, error=str(error))  # noqa: TRY400  # its sentence says it all
        return None


def _of(draft: Draft) -> tuple[ColumnElement[bool], ...]:
    return outbox.c.incident == draft.incident, outbox.c.channel == draft.channel


def behind(tenant: str | BindParameter[str]) -> ColumnElement[bool]:
    """A row of the outbox, joined with its incident, that a channel should bring up to date."""
    silent = or_(
        incidents.c.parent.is_not(None),
        incidents.c.outcome == "folded",
        and_(incidents.c.outcome == "self_resolved", _soon_after(incidents.c.closed_at)),
    )
    return and_(
        outbox.c.tenant == tenant,
        outbox.c.version > outbox.c.delivered,
        or_(outbox.c.external_id.is_not(None), not_(func.coalesce(silent, False))),
    )


def _too_early() -> ColumnElement[bool]:
    """Nothing is known but its arrival: in a moment it may be folded or, come again, over."""
    return and_(
        outbox.c.version == 1,
        incidents.c.outcome.is_(None),
        or_(
            outbox.c.behind_since > bindparam("arrived"),
            and_(outbox.c.behind_since > bindparam("recurred"), _soon_after(incidents.c.opened_at)),
        ),
    )


def _soon_after(moment: ColumnElement[datetime]) -> ColumnElement[bool]:
    """This is a further occurrence, and that moment lies close behind the previous one's end."""
    before = incidents.alias("before")
    ended = type_coerce(before.c.closed_at, BigInteger)
    return and_(
        incidents.c.occurrence > 1,
        exists()
        .where(
            before.c.tenant == incidents.c.tenant,
            before.c.episode == incidents.c.episode,
            before.c.occurrence == incidents.c.occurrence - 1,
            type_coerce(moment, BigInteger) <= ended + RECURRENCE // MICROSECOND,
        )
        .correlate(incidents),
    )


_DRAFTS = (
    select(outbox)
    .join(incidents, incidents.c.id == outbox.c.incident)
    .where(
        behind(bindparam("tenant", type_=Text)),
        outbox.c.channel == bindparam("channel"),
        or_(outbox.c.not_before.is_(None), outbox.c.not_before <= bindparam("now")),
        not_(_too_early()),
    )
    .order_by(outbox.c.behind_since, outbox.c.incident)
    .limit(bindparam("limit", type_=Integer))
)


_OUT = bindparam("out", type_=Integer)
_DELIVERED = (
    update(outbox)
    .where(outbox.c.incident == bindparam("of"), outbox.c.channel == bindparam("in"))
    .values(
        delivered=case((outbox.c.delivered > _OUT, outbox.c.delivered), else_=_OUT),
        behind_since=case(
            (outbox.c.version > _OUT, bindparam("now", type_=Instant)),
            else_=outbox.c.behind_since,
        ),
        external_id=bindparam("known"),
        tries=0,
        not_before=None,
        error="",
    )
)


def hush(connection: Connection, incident: str) -> None:
    """It has no message and will have none: whoever looks for drafts need not pass it again."""
    connection.execute(
        update(outbox)
        .where(outbox.c.incident == incident, outbox.c.external_id.is_(None))
        .values(delivered=outbox.c.version)
    )
