"""Who works on which target. Not here: what may be done to it."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from domain.errors import Conflict
from domain.incident import Event
from domain.journal import Claimed, HeldBy
from memory.columns import Instant
from memory.jobs import add_jobs, set_waiting
from memory.part import Part
from memory.tables import BY_TARGET, claims, counters, incidents, jobs
from memory.timeline import status_of, tell

_HELD = select(claims.c.target_key, claims.c.incident).where(
    claims.c.tenant == bindparam("tenant"),
    claims.c.target_key.in_(bindparam("keys", expanding=True)),
)
_LAST_HEALED = select(func.max(incidents.c.closed_at, type_=Instant)).where(
    BY_TARGET,
    incidents.c.target_key.in_(bindparam("keys", expanding=True)),
    incidents.c.outcome == "resolved",
    incidents.c.closed_at <= bindparam("now", type_=Instant),
)
_TAKE = insert(claims)
_RELEASE = delete(claims).where(claims.c.incident == bindparam("of"))
_FENCE = select(func.max(claims.c.fence)).where(claims.c.incident == bindparam("of"))
_COUNTER = counters.c.name == "fence"
_RAISE = update(counters).where(_COUNTER).values(value=counters.c.value + 1)
_RAISED = select(counters.c.value).where(_COUNTER)
_PARENT = select(incidents.c.parent).where(
    incidents.c.id == bindparam("of"), incidents.c.parent.is_not(None)
)


class Claims(Part):
    """One row a target: taken by monitor, held to the outcome; a conflict means fold."""

    async def claim(
        self, incident: str, keys: Sequence[str], *, unless_held: Sequence[str] = ()
    ) -> Claimed | HeldBy:
        """Take all of these targets, or none. Again by the holder returns the same fence.

        None either while another holds one of `unless_held`. A folded incident that gets its
        targets is on its own again (event `reopened`). Raises NotFound, Conflict (it is done).
        """
        wanted, others = sorted(set(keys)), sorted(set(unless_held))
        return await self.database.write(self._claim, incident, wanted, others)

    async def holder(self, key: str) -> str | None:
        """The incident that holds this target now."""
        return (await self.holders([key])).get(key)

    async def holders(self, keys: Sequence[str]) -> dict[str, str]:
        """The incidents that hold these targets now, by target; free ones are absent."""
        return await self.database.read(self._held, list(keys))

    async def last_healed(self, keys: Sequence[str]) -> datetime | None:
        """When an incident that healed one of these ended last; ends that lie ahead are none.

        A clock that was put back leaves such ends behind.
        """
        return await self.database.read(self._last_healed, list(keys)) if keys else None

    async def fold(self, incident: str, parent: str) -> None:
        """Make it wait for its parent's end; its own claims are released.

        Told on both timelines, once. Raises NotFound, Conflict (it is done, or the parent waits
        for it).
        """
        await self.database.write(self._fold, incident, parent)

    def _claim(
        self, connection: Connection, incident: str, keys: list[str], unless_held: list[str]
    ) -> Claimed | HeldBy:
        self._must_be_open(connection, incident)
        every = [*keys, *unless_held]
        held = self._held(connection, every)
        for key in every:
            if held.get(key, incident) != incident:
                return HeldBy(incident=held[key], target_key=key)
        now = self.clock.now()
        fence = _own_fence(connection, incident) or _next_fence(connection)
        rows = [self._row(incident, key, fence, now) for key in keys if key not in held]
        if rows:
            connection.execute(_TAKE, rows)
        self._reopen(connection, incident, now)
        return Claimed(fence=fence)

    def _row(self, incident: str, key: str, fence: int, now: datetime) -> dict[str, object]:
        return {
            "tenant": self.tenant,
            "target_key": key,
            "incident": incident,
            "fence": fence,
            "at": now,
        }

    def _held(self, connection: Connection, keys: list[str]) -> dict[str, str]:
        rows = connection.execute(_HELD, {"tenant": self.tenant, "keys": keys})
        return {row.target_key: row.incident for row in rows}

    def _last_healed(self, connection: Connection, keys: list[str]) -> datetime | None:
        of = {"tenant": self.tenant, "keys": keys, "now": self.clock.now()}
        return cast(datetime | None, connection.scalar(_LAST_HEALED, of))

    def _reopen(self, connection: Connection, incident: str, now: datetime) -> None:
        row = connection.execute(_PARENT, {"of": incident}).first()
        if row is None:
            return
        connection.execute(
            update(incidents).where(incidents.c.id == incident).values(parent=None, status="open")
        )
        text = f"still broken: on its own again, apart from incident {row.parent}"
        event = Event(kind="reopened", at=now, text=text, data={"parent": row.parent})
        tell(connection, self, [(incident, event)], now=now)

    def _fold(self, connection: Connection, incident: str, parent: str) -> None:
        self._must_be_open(connection, incident)
        parent_status = status_of(connection, self, parent)
        _refuse_circle(connection, incident, parent)
        now = self.clock.now()
        release(connection, incident)
        row = connection.execute(
            select(incidents.c.parent, incidents.c.alert).where(incidents.c.id == incident)
        ).one()
        if row.parent != parent:
            connection.execute(
                update(incidents).where(incidents.c.id == incident).values(parent=parent)
            )
            told = _folded(incident, parent, name=row.alert.name, now=now)
            tell(connection, self, told, now=now)
        set_waiting(connection, incident)
        if parent_status == "done" and not _has_job(connection, incident):
            add_jobs(connection, self, [incident], why="parent_done", at=now)

    def _must_be_open(self, connection: Connection, incident: str) -> None:
        if status_of(connection, self, incident) == "done":
            raise Conflict(f"incident {incident!r} is done and takes no targets any more")


def release(connection: Connection, incident: str) -> None:
    """Let go of all its targets."""
    connection.execute(_RELEASE, {"of": incident})


def _own_fence(connection: Connection, incident: str) -> int | None:
    fence: int | None = connection.scalar(_FENCE, {"of": incident})
    return fence


def _next_fence(connection: Connection) -> int:
    connection.execute(_RAISE)
    fence: int = connection.execute(_RAISED).scalar_one()
    return fence


def _has_job(connection: Connection, incident: str) -> bool:
    waiting = select(jobs.c.id).where(jobs.c.incident == incident, jobs.c.taken_at.is_(None))
    return connection.execute(waiting.limit(1)).first() is not None


def _refuse_circle(connection: Connection, incident: str, parent: str) -> None:
    above: str | None = parent
    while above is not None:
        if above == incident:
            raise Conflict(f"incident {parent!r} waits for {incident!r}: it cannot be its parent")
        above = connection.scalar(select(incidents.c.parent).where(incidents.c.id == above))


def _folded(child: str, parent: str, *, name: str, now: datetime) -> list[tuple[str, Event]]:
    text = f"waits for the end of incident {parent}"
    here = Event(kind="folded", at=now, text=text, data={"parent": parent})
    there = Event(kind="folded", at=now, text=f"also: {name}", data={"child": child, "alert": name})
    return [(child, here), (parent, there)]
