"""Targets that came back too often: latched, told again, set free. Not here: when (policy)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Text, and_, bindparam, func, select, update

from domain.errors import Conflict, NotFound
from domain.incident import Event
from domain.journal import Latch
from domain.plain import Plain
from memory import journal
from memory.columns import Instant
from memory.database import insert_into
from memory.part import Part
from memory.tables import latches
from memory.timeline import tell


class Latches(Part):
    """One row a target, kept when it is lifted: attempts made before that count no more."""

    async def latch(self, incident: str, key: str, reason: str) -> None:
        """Do nothing more to this target; one that is latched already stays as it is."""
        await self.database.write(self._latch, incident, key, reason)

    async def latched(self, key: str) -> Latch | None:
        """Its latch, until a person lifts it or `window` passes without trouble."""
        return await self.database.read(self._latched, key)

    async def latched_again(self, key: str, *, remind_s: float) -> None:
        """It was found broken once more; where the last word is older than that, tell it again."""
        await self.database.write(self._latched_again, key, timedelta(seconds=remind_s))

    async def latches(self) -> list[Latch]:
        """Everything that is latched now, oldest first."""
        return await self.database.read(self._latches)

    async def unlatch(self, name: str, *, by: str, reason: str = "") -> Latch:
        """Set a target free, named by its key or by a name that only one of them has.

        Raises NotFound (no such target is latched), Conflict (several are).
        """
        return await self.database.write(self._unlatch, name, by, reason)

    def _latch(self, connection: Connection, incident: str, key: str, reason: str) -> None:
        if standing_latch(connection, self, [key]) is not None:
            return
        now = self.clock.now()
        row = insert_into(connection.dialect.name, latches).values(
            tenant=self.tenant,
            target_key=key,
            incident=incident,
            reason=reason,
            at=now,
            seen_at=now,
            told_at=now,
            cycles=0,
            lifted_at=None,
        )
        keys = ["tenant", "target_key"]
        fresh = {column.name: column for column in row.excluded if column.name not in keys}
        connection.execute(row.on_conflict_do_update(index_elements=keys, set_=fresh))
        body: Plain = {"target": key, "reason": reason}
        journal.append(connection, self, kind="latch", subject=incident, at=now, body=body)
        event = Event(kind="latched", at=now, text=f"{key} is latched: {reason}", data=body)
        tell(connection, self, [(incident, event)], now=now)

    def _latched(self, connection: Connection, key: str) -> Latch | None:
        row = standing_latch(connection, self, [key])
        return None if row is None else _read(row)

    def _latched_again(self, connection: Connection, key: str, every: timedelta) -> None:
        row = standing_latch(connection, self, [key])
        if row is None:
            return
        now = self.clock.now()
        due = row.told_at + every <= now
        known = {"seen_at": now, "cycles": row.cycles + 1, "told_at": now if due else row.told_at}
        mine = (latches.c.tenant == self.tenant, latches.c.target_key == key)
        connection.execute(update(latches).where(*mine).values(known))
        if due:
            text = f"{key} still comes and goes: {row.cycles + 1} times since it was latched"
            event = Event(kind="reminded", at=now, text=text, data={"target": key})
            tell(connection, self, [(row.incident, event)], now=now)

    def _latches(self, connection: Connection) -> list[Latch]:
        return [_read(row) for row in standing_latches(connection, self)]

    def _unlatch(self, connection: Connection, name: str, by: str, reason: str) -> Latch:
        found = [one for one in self._latches(connection) if _answers(one, name)]
        if not found:
            raise NotFound(f"nothing called {name!r} is latched")
        if len(found) > 1:
            keys = ", ".join(one.target_key for one in found)
            raise Conflict(f"{name!r} is the name of several: {keys}")
        latch, now = found[0], self.clock.now()
        mine = (latches.c.tenant == self.tenant, latches.c.target_key == latch.target_key)
        connection.execute(update(latches).where(*mine).values(lifted_at=now))
        body: Plain = {"target": latch.target_key, "by": by, "reason": reason}
        journal.append(connection, self, kind="unlatch", subject=latch.incident, at=now, body=body)
        because = f": {reason}" if reason else ""
        text = f"{latch.target_key} is unlatched by {by}{because}"
        event = Event(kind="latched", at=now, text=text, data=body)
        tell(connection, self, [(latch.incident, event)], now=now)
        return latch


def _stands() -> ColumnElement[bool]:
    return and_(
        latches.c.tenant == bindparam("tenant"),
        latches.c.lifted_at.is_(None),
        latches.c.seen_at > bindparam("since"),
    )


_OF_THESE = latches.c.target_key.in_(bindparam("keys", type_=Text, expanding=True))
_FIRST = select(latches).where(_OF_THESE, _stands()).order_by(latches.c.target_key).limit(1)
_ALL = select(latches).where(_stands()).order_by(latches.c.at)
_LIFTED = select(func.max(latches.c.lifted_at, type_=Instant)).where(
    latches.c.tenant == bindparam("tenant"), _OF_THESE
)


def standing_latch(
    connection: Connection, part: Part, keys: Sequence[str]
) -> Row[*tuple[Any, ...]] | None:
    """The latch on one of these targets, if there is one."""
    return connection.execute(_FIRST, {**_now(part), "keys": list(keys)}).first()


def standing_latches(connection: Connection, part: Part) -> Sequence[Row[*tuple[Any, ...]]]:
    """All latches that stand, oldest first."""
    return connection.execute(_ALL, _now(part)).all()


def lifted_at(connection: Connection, part: Part, keys: Sequence[str]) -> datetime | None:
    """When a person last set one of these targets free: what was tried before is forgiven."""
    given = {"tenant": part.tenant, "keys": list(keys)}
    moment: datetime | None = connection.scalar(_LIFTED, given)
    return moment


def _now(part: Part) -> dict[str, object]:
    return {"tenant": part.tenant, "since": part.clock.now() - part.window}


def _answers(latch: Latch, name: str) -> bool:
    return name in (latch.target_key, latch.target_key.split("/")[-1])


def _read(row: Row[*tuple[Any, ...]]) -> Latch:
    return Latch(
        target_key=row.target_key,
        incident=row.incident,
        reason=row.reason,
        since=row.at,
        seen_at=row.seen_at,
        cycles=row.cycles,
    )
