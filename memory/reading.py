"""What people look at, and the kill switch. Not here: their answers (approvals.py)."""

import structlog
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Text,
    bindparam,
    delete,
    distinct,
    func,
    insert,
    literal_column,
    select,
    type_coerce,
)

from domain.errors import Unreadable
from domain.incident import Incident, IncidentStatus
from domain.plain import Plain
from domain.store import Stats, TimelineEvent
from memory import journal
from memory.budget import spending
from memory.columns import MICROSECOND
from memory.latches import standing_latches
from memory.outbox import behind
from memory.part import Part
from memory.rows import event_of, incident_of
from memory.tables import deliveries, episodes, events, incidents, intents, jobs, outbox, pauses
from memory.timeline import incident_in, status_of

log = structlog.get_logger(__name__)

STATUSES = ("open", "waiting", "done")
_TIMELINE = (
    select(events)
    .where(events.c.incident == bindparam("incident"), events.c.seq > bindparam("after"))
    .order_by(events.c.seq)
)


class Views(Part):
    """domain.store.Reading, without `pending_approval` and `decide`."""

    async def incidents(
        self, *, limit: int, status: IncidentStatus | None = None
    ) -> list[Incident]:
        """Newest first."""
        return await self.database.read(self._incidents, limit, status)

    async def timeline(self, incident: str, *, after: int = 0) -> list[TimelineEvent]:
        """The events of one incident with seq above `after`, oldest first. Raises NotFound."""
        return await self.database.read(self._timeline, incident, after)

    async def story(self, incident: str) -> tuple[Incident, list[TimelineEvent]]:
        """One incident and all its events, of one moment. Raises NotFound."""
        return await self.database.read(self._story_of, incident)

    async def changes(self, *, after: int, limit: int) -> list[tuple[str, TimelineEvent]]:
        """The events of all incidents with seq above `after`: for live views."""
        return await self.database.read(self._changes, after, limit)

    async def episode_count(self) -> int:
        """How many finished incidents there are to learn from."""
        return await self.database.read(self._episode_count)

    async def stats(self) -> Stats:
        """Counters over everything, counted by the database in one transaction.

        `actions` counts attempts by remedy, `refused` incidents by the rule that refused,
        `queue_depth` the jobs that are due and not taken.
        """
        return await self.database.read(self._stats)

    async def pause(self, reason: str, *, by: str) -> None:
        """The kill switch: no action from now on."""
        await self.database.write(self._pause, reason.strip() or f"paused by {by}", by)

    async def resume(self, *, by: str) -> None:
        """Lift the kill switch."""
        await self.database.write(self._resume, by)

    async def paused(self) -> str:
        """The reason of the pause; empty when there is none."""
        return await self.database.read(self._paused)

    def _incidents(
        self, connection: Connection, limit: int, status: IncidentStatus | None
    ) -> list[Incident]:
        wanted = select(incidents).where(incidents.c.tenant == self.tenant)
        if status is not None:
            wanted = wanted.where(incidents.c.status == status)
        newest = wanted.order_by(incidents.c.opened_at.desc(), incidents.c.id).limit(limit)
        try:
            return [incident_of(row) for row in connection.execute(newest).mappings()]
        except Unreadable:
            ids = list(connection.scalars(newest.with_only_columns(incidents.c.id)))
            return [row for row in (self._if_readable(connection, one) for one in ids) if row]

    def _if_readable(self, connection: Connection, incident: str) -> Incident | None:
        """It, unless it cannot be read: a list shows the others."""
        wanted = select(incidents).where(incidents.c.id == incident)
        try:
            return incident_of(connection.execute(wanted).mappings().one())
        except Unreadable as error:
            log.error("incident_unreadable", incident=incident, error=str(error))  # noqa: TRY400  # its sentence says it all
            return None

    def _story_of(
        self, connection: Connection, incident: str
    ) -> tuple[Incident, list[TimelineEvent]]:
        found = incident_in(connection, self, incident)
        rows = connection.execute(_TIMELINE, {"incident": incident, "after": 0})
        return found, [event_of(row) for row in rows]

    def _timeline(self, connection: Connection, incident: str, after: int) -> list[TimelineEvent]:
        status_of(connection, self, incident)
        rows = connection.execute(_TIMELINE, {"incident": incident, "after": after})
        return [event_of(row) for row in rows]

    def _changes(
        self, connection: Connection, after: int, limit: int
    ) -> list[tuple[str, TimelineEvent]]:
        rows = connection.execute(
            select(events)
            .where(events.c.tenant == self.tenant, events.c.seq > after)
            .order_by(events.c.seq)
            .limit(limit)
        )
        return [(row.incident, event_of(row)) for row in rows]

    def _episode_count(self, connection: Connection) -> int:
        mine = episodes.c.tenant == self.tenant
        return connection.scalar(select(func.count()).select_from(episodes).where(mine)) or 0

    def _stats(self, connection: Connection) -> Stats:
        by_status = {**dict.fromkeys(STATUSES, 0), **self._count(connection, incidents.c.status)}
        return Stats(
            incidents=sum(by_status.values()),
            by_status=by_status,
            by_outcome=self._count(connection, incidents.c.outcome),
            by_severity=self._count(connection, incidents.c.severity),
            actions=self._actions(connection),
            refused=self._refused(connection),
            avg_resolution_s=self._resolution(connection),
            outbox_behind=self._behind(connection),
            queue_depth=self._due(connection),
            paused=self._paused(connection),
            unsorted=self._sum(connection, deliveries.c.size, deliveries.c.set_aside == ""),
            set_aside=self._sum(connection, literal_column("1"), deliveries.c.set_aside != ""),
            latched={row.target_key: row.incident for row in standing_latches(connection, self)},
            model=spending(connection, self),
            audit=journal.sealed(connection),
        )

    def _count(self, connection: Connection, column: ColumnElement[str]) -> dict[str, int]:
        rows = connection.execute(
            select(column, func.count())
            .where(incidents.c.tenant == self.tenant, column.is_not(None))
            .group_by(column)
        )
        return {row[0]: row[1] for row in rows}

    def _actions(self, connection: Connection) -> dict[str, int]:
        acted = (
            select(intents.c.incident, intents.c.attempt, intents.c.remedy)
            .where(intents.c.tenant == self.tenant)
            .distinct()
            .subquery()
        )
        rows = connection.execute(select(acted.c.remedy, func.count()).group_by(acted.c.remedy))
        return {row[0]: row[1] for row in rows}

    def _refused(self, connection: Connection) -> dict[str, int]:
        rows = connection.execute(
            select(events.c.label, func.count(distinct(events.c.incident)))
            .where(events.c.tenant == self.tenant, events.c.label != literal_column("''", Text))
            .group_by(events.c.label)
        )
        return {row[0]: row[1] for row in rows}

    def _resolution(self, connection: Connection) -> float | None:
        taken = type_coerce(incidents.c.closed_at, BigInteger) - type_coerce(
            incidents.c.opened_at, BigInteger
        )
        average = connection.scalar(
            select(func.avg(taken)).where(
                incidents.c.tenant == self.tenant, incidents.c.outcome == "resolved"
            )
        )
        return None if average is None else float(average) * MICROSECOND.total_seconds()

    def _behind(self, connection: Connection) -> int:
        rows = (
            select(func.count())
            .select_from(outbox)
            .join(incidents, incidents.c.id == outbox.c.incident)
            .where(behind(self.tenant))
        )
        if self.channels:
            rows = rows.where(outbox.c.channel.in_(self.channels))
        return connection.scalar(rows) or 0

    def _due(self, connection: Connection) -> int:
        rows = select(func.count()).where(
            jobs.c.tenant == self.tenant,
            jobs.c.taken_at.is_(None),
            jobs.c.due_at <= self.clock.now(),
        )
        return connection.scalar(rows) or 0

    def _sum(
        self, connection: Connection, counted: ColumnElement[int], which: ColumnElement[bool]
    ) -> int:
        total = select(func.sum(counted)).where(deliveries.c.tenant == self.tenant, which)
        return connection.scalar(total) or 0

    def _paused(self, connection: Connection) -> str:
        reason = select(pauses.c.reason).where(pauses.c.tenant == self.tenant)
        return connection.scalar(reason) or ""

    def _pause(self, connection: Connection, reason: str, by: str) -> None:
        now = self.clock.now()
        self._lift(connection)
        connection.execute(insert(pauses).values(tenant=self.tenant, reason=reason, by=by, at=now))
        body: Plain = {"reason": reason, "by": by}
        journal.append(connection, self, kind="pause", subject=self.tenant, at=now, body=body)

    def _resume(self, connection: Connection, by: str) -> None:
        if self._lift(connection):
            now = self.clock.now()
            journal.append(
                connection, self, kind="resume", subject=self.tenant, at=now, body={"by": by}
            )

    def _lift(self, connection: Connection) -> bool:
        return bool(
            connection.execute(delete(pauses).where(pauses.c.tenant == self.tenant)).rowcount
        )
