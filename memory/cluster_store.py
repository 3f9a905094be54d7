"""The store that several processes share. Not here: what it has in common with a file's."""

from pathlib import Path

from sqlalchemy import Connection, text

from domain.errors import Conflict
from memory.cluster_queue import ClusterQueue
from memory.postgres import PostgresDatabase
from memory.store import Store

_HOLD = text(
    "INSERT INTO leases (name, holder, until) "
    "VALUES (:name, :holder, clock_timestamp() + make_interval(secs => :seconds)) "
    "ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until "
    "WHERE leases.holder = excluded.holder OR leases.until < clock_timestamp() RETURNING holder"
)
_RELEASE = text("DELETE FROM leases WHERE name = :name AND holder = :holder")

_LIVING = text(
    "SELECT count(*) FROM procrastinate_workers "
    "WHERE last_heartbeat > clock_timestamp() - make_interval(secs => :takeover)"
)


class ClusterStore(ClusterQueue, Store):
    """The same ports over one PostgreSQL database, for all who work on it."""

    @property
    def server(self) -> PostgresDatabase:
        """The database, as what it is."""
        assert isinstance(self.database, PostgresDatabase)  # noqa: S101  # memory/store.py chose
        return self.database

    async def living(self) -> int:
        """How many workers have lately given a sign of life. Raises Transient."""
        return await self.database.read(self._living)

    async def hold(self, name: str, *, holder: str, seconds: float) -> bool:
        """Take or keep what only one process does at a time; False: another one does it.

        It is ours for so many seconds from the call on, by the database's clock. Raises Transient.
        """
        return await self.database.write_quietly(self._hold, name, holder, seconds)

    async def release(self, name: str, *, holder: str) -> None:
        """Let the others have it at once. Raises Transient."""
        await self.database.write_quietly(self._release, name, holder)

    async def backup(self, to: Path) -> None:
        """Refused: the server's own tools copy it. Raises Conflict."""
        raise Conflict(
            f"no backup at {str(to)!r}: the store is a PostgreSQL database; use pg_dump, "
            "which takes alerts, ledger, jobs and checkpoints in one consistent copy"
        )

    def _living(self, connection: Connection) -> int:
        given = {"takeover": self.takeover.total_seconds()}
        return int(connection.execute(_LIVING, given).scalar_one())

    def _hold(self, connection: Connection, name: str, holder: str, seconds: float) -> bool:
        given = {"name": self._own(name), "holder": holder, "seconds": seconds}
        return connection.execute(_HOLD, given).first() is not None

    def _release(self, connection: Connection, name: str, holder: str) -> None:
        connection.execute(_RELEASE, {"name": self._own(name), "holder": holder})

    def _own(self, name: str) -> str:
        return f"{self.tenant}/{name}"
