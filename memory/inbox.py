"""Accepted alerts and the jobs they become. Not here: what a delivery means (sorting.py)."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Connection,
    Insert,
    Integer,
    Text,
    bindparam,
    false,
    insert,
    literal_column,
    select,
    true,
    union_all,
    update,
)

from domain.alert import Alert
from domain.errors import NotStored, Transient
from domain.incident import Usage
from memory.columns import Instant
from memory.database import insert_into
from memory.jobs import add_jobs
from memory.part import Part
from memory.sorting import Known, Sorting, digest, episode_of, storable
from memory.tables import inbox, incidents
from memory.timeline import tell

CHUNK = 500
"""Episodes looked up in one statement, two variables each: far below any database's bound."""

_NOW = bindparam("now", type_=Instant)
_TENANT = bindparam("tenant", type_=Text)
_EPISODES = bindparam("episodes", type_=Text, expanding=True)
_NONE = literal_column("''", Text)
"""Spelt out, so that the partial index answers."""
_KNOWN = union_all(
    select(
        incidents.c.episode,
        incidents.c.id,
        incidents.c.occurrence,
        (incidents.c.status == "done").label("done"),
        incidents.c.cleared_at.is_not(None).label("cleared"),
    ).where(incidents.c.tenant == _TENANT, incidents.c.episode.in_(_EPISODES)),
    select(inbox.c.episode, _NONE, literal_column("0", Integer), false(), true()).where(
        inbox.c.tenant == _TENANT, inbox.c.incident == _NONE, inbox.c.episode.in_(_EPISODES)
    ),
)
_NO_USAGE = Usage()
_OPENED = insert(incidents)
_CLEAR = update(incidents).where(incidents.c.id == bindparam("one")).values(cleared_at=_NOW)


class Arrivals(Part):
    """domain.store.Inbox, its first half."""

    async def accept(self, alerts: Sequence[Alert]) -> list[str]:
        """In one transaction, write all alerts down and return the incidents they belong to.

        Raises NotStored: then nothing of the delivery is stored.
        """
        if not alerts:
            return []
        if self.database.crowded:
            raise NotStored(f"the store is far behind: {len(alerts)} alerts have to come again")
        try:
            return await self.database.write(self._accept, [storable(alert) for alert in alerts])
        except Transient as error:
            raise NotStored(f"{len(alerts)} alerts could not be written down: {error}") from error

    def _accept(self, connection: Connection, alerts: list[tuple[Alert, str]]) -> list[str]:
        sorting = Sorting(tenant=self.tenant, now=self.clock.now(), newest={}, cleared_before=set())
        for chunk in _chunks(list({episode_of(alert): None for alert, _ in alerts})):
            self._look_up(connection, chunk, sorting)
        found = sorting.sort(alerts)
        self._store(connection, sorting)
        return found

    def _look_up(self, connection: Connection, episodes: list[str], sorting: Sorting) -> None:
        rows = connection.execute(_KNOWN, {"tenant": self.tenant, "episodes": episodes})
        for episode, incident, occurrence, done, cleared in rows:
            known = sorting.newest.get(episode)
            if not incident:
                sorting.cleared_before.add(episode)
            elif known is None or known.occurrence < occurrence:
                sorting.newest[episode] = Known(
                    id=incident, occurrence=occurrence, done=bool(done), cleared=bool(cleared)
                )

    def _store(self, connection: Connection, sorting: Sorting) -> None:
        now = sorting.now
        if sorting.opened:
            connection.execute(_OPENED, [self._opened(*one, now) for one in sorting.opened])
        if sorting.cleared:
            connection.execute(_CLEAR, [{"one": one, "now": now} for one in sorting.cleared])
        self._file(connection, sorting)
        tell(connection, self, sorting.told, now=now)
        opened = [known.id for known, _ in sorting.opened]
        add_jobs(connection, self, opened, why="alert", at=now)
        again = [one for one in sorting.cleared if one not in set(opened)]
        add_jobs(connection, self, again, why="cleared", at=now)

    def _opened(self, known: Known, alert: Alert, now: datetime) -> dict[str, Any]:
        return {
            "id": known.id,
            "tenant": self.tenant,
            "episode": episode_of(alert),
            "occurrence": known.occurrence,
            "status": "open",
            "severity": alert.severity,
            "reason": "",
            "opened_at": now,
            "cleared_at": now if known.cleared else None,
            "alert": alert,
            "attempts": [],
            "usage": _NO_USAGE,
        }

    def _file(self, connection: Connection, sorting: Sorting) -> None:
        rows = [
            {
                "digest": digest(arrival, tenant=self.tenant),
                "tenant": self.tenant,
                "incident": arrival.incident,
                "episode": episode_of(arrival.alert),
                "status": arrival.alert.status,
                "alert": arrival.body,
                "deliveries": 1,
                "first_at": sorting.now,
                "last_at": sorting.now,
            }
            for arrival in sorting.arrivals
        ]
        connection.execute(_count(connection.dialect.name), rows)


@cache
def _count(dialect: str) -> Insert:
    row = insert_into(dialect, inbox)
    again = {"deliveries": inbox.c.deliveries + 1, "last_at": row.excluded.last_at}
    return row.on_conflict_do_update(index_elements=["digest"], set_=again)


def _chunks(episodes: list[str]) -> list[list[str]]:
    return [episodes[start : start + CHUNK] for start in range(0, len(episodes), CHUNK)]
