"""One message for many incidents: who is in it, and what it has to say. Not here: its words."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)

from domain.incident import Incident
from domain.store import Digest, Draft, Gathered
from memory.part import Part
from memory.rows import incident_of
from memory.tables import approvals, digests, incidents, outbox

QUIET = timedelta(minutes=10)
"""A digest that has not grown for so long is closed; the next storm begins another."""
RING = timedelta(minutes=5)
"""Between two sounds of one digest, however many incidents in it would ring."""
PREFIX = "digest:"
"""Marks, as its message's id, an incident of which a digest tells."""

_MEMBER = (
    update(outbox)
    .where(outbox.c.incident == bindparam("of"), outbox.c.channel == bindparam("on"))
    .values(
        delivered=bindparam("seen"),
        external_id=bindparam("mark"),
        tries=0,
        not_before=None,
        error="",
    )
)


class Gathering(Part):
    """domain.store.Digests."""

    async def gather(self, drafts: Sequence[Draft]) -> None:
        """Let the channel's digest tell of these: they count as delivered, the digest as behind.

        Those that a digest tells of already stay with it. All of one channel.
        """
        if drafts:
            await self.database.write_quietly(self._gather, list(drafts))

    async def gathering(self, channel: str) -> bool:
        """Whether this channel has a digest that still grows."""
        return await self.database.read(self._open, channel) is not None

    async def digests(self, channel: str) -> list[Digest]:
        """Digests that are behind, or should ring now."""
        return await self.database.read(self._digests, channel)

    async def anything_left(self, channel: str) -> bool:
        """Whether one of this channel's digests has, now or later, something to say."""
        return await self.database.read(self._anything_left, channel)

    async def gathered(self, digest: Digest, *, limit: int) -> Gathered:
        """What it has to say now."""
        return await self.database.read(self._gathered, digest, limit)

    async def digest_out(self, digest: Digest, *, external_id: str) -> None:
        """This version of it is out."""
        await self.database.write_quietly(self._digest_out, digest, external_id)

    async def hold_back(self, digest: Digest, *, until: datetime) -> None:
        """Not now."""
        await self.database.write_quietly(self._change, digest.id, {"not_before": until})

    def _gather(self, connection: Connection, drafts: list[Draft]) -> None:
        own = [one for one in drafts if one.external_id is None]
        if own:
            row = self._open(connection, own[0].channel)
            mark = PREFIX + (row.id if row else self._begin(connection, own[0].channel))
            self._join(connection, mark, own, grown=True)
        known = [one for one in drafts if one.external_id is not None]
        for mark in sorted({str(one.external_id) for one in known}):
            self._join(connection, mark, [one for one in known if one.external_id == mark])

    def _join(
        self, connection: Connection, mark: str, drafts: list[Draft], *, grown: bool = False
    ) -> None:
        rows = [
            {"of": one.incident, "on": one.channel, "seen": one.version, "mark": mark}
            for one in drafts
        ]
        connection.execute(_MEMBER, rows)
        now = self.clock.now()
        changed: dict[str, Any] = {"version": digests.c.version + 1}
        changed |= {"grown_at": now} if grown else {}
        changed |= {"loud_at": now} if any(one.loud for one in drafts) else {}
        self._change(connection, mark.removeprefix(PREFIX), changed)

    def _begin(self, connection: Connection, channel: str) -> str:
        now, digest = self.clock.now(), str(uuid4())
        row: dict[str, Any] = {"id": digest, "tenant": self.tenant, "channel": channel}
        row |= {"opened_at": now, "grown_at": now, "version": 0, "delivered": 0}
        connection.execute(insert(digests).values(row))
        return digest

    def _open(self, connection: Connection, channel: str) -> Row[*tuple[Any, ...]] | None:
        given = {"tenant": self.tenant, "channel": channel, "since": self.clock.now() - QUIET}
        return connection.execute(_GROWING, given).first()

    def _digests(self, connection: Connection, channel: str) -> list[Digest]:
        now = self.clock.now()
        given = {"tenant": self.tenant, "channel": channel, "now": now, "quiet": now - RING}
        return [_digest(row) for row in connection.execute(_DUE, given)]

    def _anything_left(self, connection: Connection, channel: str) -> bool:
        of = {"tenant": self.tenant, "channel": channel}
        return connection.execute(_LEFT, of).first() is not None

    def _gathered(self, connection: Connection, digest: Digest, limit: int) -> Gathered:
        mine = and_(outbox.c.channel == digest.channel, outbox.c.external_id == PREFIX + digest.id)
        ids = select(outbox.c.incident).where(mine)
        members = incidents.c.id.in_(ids)
        state = func.coalesce(incidents.c.outcome, incidents.c.status)
        counted = select(state, func.count()).where(members).group_by(state)
        folded = select(func.count()).where(incidents.c.parent.in_(ids))
        return Gathered(
            counts={row[0]: row[1] for row in connection.execute(counted)},
            asking=self._some(connection, and_(members, incidents.c.id.in_(_asked())), limit),
            needing=self._some(
                connection, and_(members, incidents.c.outcome.in_(("escalated", "failed"))), limit
            ),
            belonging=connection.scalar(folded) or 0,
        )

    def _some(
        self, connection: Connection, wanted: ColumnElement[bool], limit: int
    ) -> list[Incident]:
        found = select(incidents).where(wanted).order_by(incidents.c.opened_at).limit(limit)
        return [incident_of(row) for row in connection.execute(found).mappings()]

    def _digest_out(self, connection: Connection, digest: Digest, external_id: str) -> None:
        out: dict[str, Any] = {
            "delivered": digest.version,
            "external_id": external_id,
            "not_before": None,
        }
        out |= {"rang_at": self.clock.now()} if digest.loud else {}
        self._change(connection, digest.id, out)

    def _change(self, connection: Connection, digest: str, values: dict[str, Any]) -> None:
        connection.execute(update(digests).where(digests.c.id == digest).values(values))


def _asked() -> Any:
    return select(approvals.c.incident).where(
        approvals.c.answer.is_(None), approvals.c.closed_at.is_(None)
    )


def _rings() -> ColumnElement[bool]:
    """Something in it wants a sound, and the last one is long enough ago."""
    again = and_(digests.c.loud_at > digests.c.rang_at, digests.c.rang_at <= bindparam("quiet"))
    return and_(digests.c.loud_at.is_not(None), or_(digests.c.rang_at.is_(None), again))


_OURS = and_(digests.c.tenant == bindparam("tenant"), digests.c.channel == bindparam("channel"))
_GROWING = (
    select(digests)
    .where(_OURS, digests.c.grown_at > bindparam("since"))
    .order_by(digests.c.grown_at.desc())
    .limit(1)
)
_DUE = select(digests, _rings().label("rings")).where(
    _OURS,
    or_(digests.c.version > digests.c.delivered, _rings()),
    or_(digests.c.not_before.is_(None), digests.c.not_before <= bindparam("now")),
)

_LEFT = select(digests.c.id).where(
    _OURS,
    or_(
        digests.c.version > digests.c.delivered,
        digests.c.loud_at.is_not(None) & digests.c.rang_at.is_(None),
        digests.c.loud_at > digests.c.rang_at,
    ),
)


def _digest(row: Row[*tuple[Any, ...]]) -> Digest:
    return Digest(
        id=row.id,
        channel=row.channel,
        opened_at=row.opened_at,
        version=row.version,
        loud=bool(row.rings),
        external_id=row.external_id,
    )
