"""Which finished incidents have had their checkpoints deleted. Not here: checkpoints, deleting.

The ledger itself is never shortened: only the place up to which this was done is written.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, type_coerce

from memory.columns import Instant, micros
from memory.database import insert_into
from memory.part import Part
from memory.tables import counters, incidents


@dataclass(frozen=True, kw_only=True)
class Closed:
    """A finished incident and when it ended."""

    incident: str
    at: datetime


class Retention(Part):
    """A mark in time, and the finished incidents after it."""

    async def closed_next(self, before: datetime, *, limit: int) -> list[Closed]:
        """The incidents that ended after the mark and before that time, oldest first.

        More than `limit` only where several ended in the same moment.
        """
        return await self.database.read(self._closed_next, before, limit)

    async def mark_closed(self, until: datetime) -> None:
        """What ended until then has been dealt with; the mark only moves forward."""
        await self.database.write_quietly(self._mark, until)

    def _closed_next(self, connection: Connection, before: datetime, limit: int) -> list[Closed]:
        done = select(incidents.c.id, incidents.c.closed_at).where(
            incidents.c.tenant == self.tenant,
            incidents.c.status == "done",
            incidents.c.closed_at < before,
        )
        mark = connection.scalar(
            select(type_coerce(counters.c.value, Instant)).where(counters.c.name == self._name())
        )
        if mark is not None:
            done = done.where(incidents.c.closed_at > mark)
        done = done.order_by(incidents.c.closed_at)
        rows = connection.execute(done.limit(limit)).all()
        if len(rows) == limit:
            rows = connection.execute(done.where(incidents.c.closed_at <= rows[-1].closed_at)).all()
        return [Closed(incident=row.id, at=row.closed_at) for row in rows]

    def _mark(self, connection: Connection, until: datetime) -> None:
        row = insert_into(connection.dialect.name, counters).values(
            name=self._name(), value=micros(until)
        )
        further = row.on_conflict_do_update(
            index_elements=["name"],
            set_={"value": row.excluded.value},
            where=counters.c.value < row.excluded.value,
        )
        connection.execute(further)

    def _name(self) -> str:
        return f"checkpoints_deleted_until/{self.tenant}"
