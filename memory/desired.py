"""What the container runtime told of each target: its events, its facts when it was well.

Not here: what they say about who wanted what (policy).
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import Connection, Insert, bindparam, delete, exists, func, select

from domain.facts import ContainerEvent, ContainerFacts
from memory.database import insert_into
from memory.part import Part
from memory.tables import container_events, healthy

KEPT = 50
"""Newest events kept of a target."""
KEPT_OF_ACTION = 5
"""Newest events of each kind kept beyond that and for ever: a stop stands until the next start."""
KEPT_FOR = timedelta(days=7)
SWEEP_EVERY = timedelta(hours=1)


_TOLD = container_events.c
_OURS = (_TOLD.tenant == bindparam("tenant"), _TOLD.target_key == bindparam("key"))
_NEWEST = (
    select(_TOLD.id, _TOLD.at, _TOLD.action)
    .where(*_OURS)
    .order_by(_TOLD.at.desc(), _TOLD.id.desc())
)
_STORY = select(_TOLD.body).where(*_OURS).order_by(_TOLD.at, _TOLD.id)
_WELL = select(healthy.c.body).where(
    healthy.c.tenant == bindparam("tenant"), healthy.c.target_key == bindparam("key")
)


class Desired(Part):
    """domain.store.DesiredState, and what the ledger answers from it."""

    async def saw(self, events: Sequence[ContainerEvent]) -> None:
        """Keep these events; the same one again is no change."""
        if events:
            await self.database.write_quietly(self._saw, list(events))

    async def well(self, facts: ContainerFacts) -> None:
        """Keep the facts of a container that is well now.

        Unchanged facts cost nothing, unless another process may have written others since.
        """
        key = facts.target.key
        if self.database.shared or self.kept.well.get(key) != facts:
            await self.database.write_quietly(self._well, facts)
            self.kept.well[key] = facts

    async def last_events(self) -> dict[str, datetime]:
        """By host, where to take up its stream again; an unknown host is absent."""
        return await self.database.read(self._last_events)

    async def stop_story(self, key: str) -> list[ContainerEvent]:
        """The last events of this target, oldest first: at most 50, and 5 of each kind."""
        return await self.database.read(self._story, key)

    async def last_healthy(self, key: str) -> ContainerFacts | None:
        """Its facts when it was last seen well."""
        if not self.database.shared and key in self.kept.well:
            return self.kept.well[key]
        return await self.database.read(self._last_healthy, key)

    def _saw(self, connection: Connection, events: list[ContainerEvent]) -> None:
        rows = [
            {
                "tenant": self.tenant,
                "target_key": event.target_key,
                "at": event.at,
                "action": event.action,
                "body": event,
            }
            for event in events
        ]
        connection.execute(_saw(connection.dialect.name), rows)
        self._prune(connection, sorted({event.target_key for event in events}))

    def _prune(self, connection: Connection, keys: list[str]) -> None:
        since = self.clock.now() - KEPT_FOR
        for key in keys:
            excess = _excess(self._rows(connection, key), since=since)
            if excess:
                connection.execute(
                    delete(container_events).where(container_events.c.id.in_(excess))
                )
        swept = self.kept.swept_at
        if swept is None or swept < self.clock.now() - SWEEP_EVERY:
            self._sweep(connection, since=since)
            self.kept.swept_at = self.clock.now()

    def _rows(self, connection: Connection, key: str) -> list[tuple[int, datetime, str]]:
        rows = connection.execute(_NEWEST, {"tenant": self.tenant, "key": key})
        return [(row.id, row.at, row.action) for row in rows]

    def _sweep(self, connection: Connection, *, since: datetime) -> None:
        """Forget the targets that were destroyed long ago and never came again."""
        gone, later = container_events.alias("gone"), container_events.alias("later")
        keys = select(gone.c.target_key).where(
            gone.c.tenant == self.tenant,
            gone.c.action == "destroy",
            gone.c.at < since,
            ~exists().where(
                later.c.tenant == gone.c.tenant,
                later.c.target_key == gone.c.target_key,
                later.c.at > gone.c.at,
            ),
        )
        forgotten = list(connection.scalars(keys))
        for table in (container_events, healthy):
            here = (table.c.tenant == self.tenant, table.c.target_key.in_(forgotten))
            connection.execute(delete(table).where(*here))
        for key in forgotten:
            self.kept.well.pop(key, None)

    def _well(self, connection: Connection, facts: ContainerFacts) -> None:
        row = {"tenant": self.tenant, "target_key": facts.target.key, "body": facts}
        connection.execute(_well(connection.dialect.name), {**row, "at": self.clock.now()})

    def _last_events(self, connection: Connection) -> dict[str, datetime]:
        told = container_events.c
        rows = connection.execute(
            select(told.target_key, func.max(told.at))
            .where(told.tenant == self.tenant)
            .group_by(told.target_key)
        )
        last: dict[str, datetime] = {}
        for key, at in rows:
            host = key.partition(":")[2].partition("/")[0]
            last[host] = max(at, last.get(host, at))
        return last

    def _story(self, connection: Connection, key: str) -> list[ContainerEvent]:
        return list(connection.scalars(_STORY, {"tenant": self.tenant, "key": key}))

    def _last_healthy(self, connection: Connection, key: str) -> ContainerFacts | None:
        return connection.scalar(_WELL, {"tenant": self.tenant, "key": key})


@cache
def _saw(dialect: str) -> Insert:
    return insert_into(dialect, container_events).on_conflict_do_nothing()


@cache
def _well(dialect: str) -> Insert:
    row = insert_into(dialect, healthy)
    again = {"body": row.excluded.body, "at": row.excluded.at}
    return row.on_conflict_do_update(index_elements=["tenant", "target_key"], set_=again)


def _excess(rows: Sequence[tuple[int, datetime, str]], *, since: datetime) -> list[int]:
    """The ids to forget of one target's events, which come newest first."""
    seen: Counter[str] = Counter()
    excess = []
    for place, (row, at, action) in enumerate(rows):
        seen[action] += 1
        old = place >= KEPT or at < since
        if old and seen[action] > KEPT_OF_ACTION:
            excess.append(row)
    return excess
