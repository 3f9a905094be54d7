"""Incidents from their evidence to their end. Not here: claims, the journal, approvals."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

import structlog
from sqlalchemy import Connection, Insert, bindparam, delete, insert, select, update

from domain.diagnosis import Diagnosis
from domain.errors import NotFound, Unreadable
from domain.evidence import Evidence
from domain.incident import Attempt, Episode, Event, Incident, Outcome
from domain.plain import Plain
from domain.target import Target
from domain.verdict import Verdict
from memory import journal, tables
from memory.approvals import close_open
from memory.bounded import bounded
from memory.claims import release
from memory.database import insert_into
from memory.jobs import add_jobs
from memory.outbox import hush
from memory.part import Part
from memory.rows import incident_of, readable
from memory.tables import attempts, episodes, incidents
from memory.timeline import incident_in, last_of, status_of, tell, told_outcome

log = structlog.get_logger(__name__)

TOLD = ("escalated", "denied", "observed")
FOR_NOW = ("paused", "evidence", "claim", "changed", "at_once", "cleared", "mode")
"""Refusals that say nothing of the next alert: it may be another voice, or come at another time."""
PAST_LIMIT = 50
"""Episodes of one pattern that `past` returns: the newest decide."""

_TOLD = (
    select(incidents)
    .where(
        tables.BY_TARGET,
        incidents.c.target_key == bindparam("key"),
        incidents.c.outcome.in_(TOLD),
    )
    .order_by(incidents.c.closed_at.desc())
    .limit(1)
)
_CHILDREN = (
    select(incidents.c.id)
    .where(incidents.c.parent == bindparam("of"), incidents.c.status != "done")
    .order_by(incidents.c.opened_at, incidents.c.id)
)
_THIS = (attempts.c.incident == bindparam("of"), attempts.c.number == bindparam("this"))
_TRIED_AT = select(attempts.c.at).where(*_THIS)
_NOT_TRIED = delete(attempts).where(*_THIS)
_JUDGE = update(attempts).where(*_THIS).values(verdict=bindparam("found"))
_EVIDENCE = select(tables.evidence.c.id, tables.evidence.c.body).where(
    tables.evidence.c.incident == bindparam("of"),
    tables.evidence.c.id.in_(bindparam("ids", expanding=True)),
)
_PAST = (
    select(episodes.c.body)
    .where(
        episodes.c.tenant == bindparam("tenant"),
        episodes.c.alert_name == bindparam("alert_name"),
        episodes.c.service == bindparam("service"),
        episodes.c.kind == bindparam("kind"),
    )
    .order_by(episodes.c.id.desc())
    .limit(PAST_LIMIT)
)


_SET = update(incidents).where(incidents.c.id == bindparam("of"))
"""Sets the columns that it is given."""


class Incidents(Part):
    """The truth about each incident."""

    async def incident(self, incident: str) -> Incident:
        """One incident. Raises NotFound."""
        return await self.database.read(incident_in, self, incident)

    async def told(self, key: str) -> Incident | None:
        """The newest incident on this target that ended with people (escalated, denied …).

        None where its last refusal was one `FOR_NOW`, or where it cannot be read.
        """
        return await self.database.read(self._told, key)

    async def stand_for(self, incident: str, key: str) -> None:
        """This incident, which has no target, is about what this key names. Raises NotFound."""
        await self.database.write_quietly(self._update, incident, {"target_key": key})

    async def record(self, incident: str, event: Event) -> None:
        """Add one event to the timeline; live views and the outbox read it.

        The same outcome again is no change. Raises NotFound.
        """
        await self.database.write(self._record, incident, event)

    async def update(
        self,
        incident: str,
        *,
        target: Target | None = None,
        diagnosis: Diagnosis | None = None,
        attempts: Sequence[Attempt] | None = None,
        verdict: Verdict | None = None,
        evidence: Sequence[Evidence] = (),
        event: Event | None = None,
    ) -> None:
        """Set what has become known and tell it, in one transaction.

        None leaves a field as it is; `evidence` is kept as by `keep_evidence`. Raises NotFound.
        """
        given = {
            "target": target,
            "target_key": target.key if target else None,
            "diagnosis": diagnosis,
            "attempts": None if attempts is None else list(attempts),
            "verdict": verdict,
        }
        values = {name: value for name, value in given.items() if value is not None}
        if values or evidence or event:
            await self.database.write(self._known, incident, values, list(evidence), event)

    async def keep_evidence(self, incident: str, evidence: Sequence[Evidence]) -> list[str]:
        """Store observations (the newest of an id stands) and return their ids in order.

        More than 128 KiB of data in one is cut, with a note. Raises NotFound.
        """
        await self.database.write_quietly(self._keep, incident, list(evidence))
        return [item.id for item in evidence]

    async def evidence(self, incident: str, ids: Sequence[str]) -> list[Evidence]:
        """The observations with these ids, in that order. Raises NotFound for an unknown id."""
        found = await self.database.read(self._evidence, incident, list(ids))
        missing = [one for one in ids if one not in found]
        if missing:
            raise NotFound(f"incident {incident!r} has no evidence {', '.join(missing)}")
        return [found[one] for one in ids]

    async def past(self, *, alert_name: str, service: str, kind: str) -> list[Episode]:
        """Finished incidents of exactly this alert, service and kind, newest first, at most 50.

        One that cannot be read is left out, as it is by `episodes`.
        """
        return await self.database.read(self._past, alert_name, service, kind)

    async def episodes(self, *, after: int = 0, limit: int) -> list[tuple[int, Episode]]:
        """Finished incidents with row number above `after`, oldest first: for the index."""
        return await self.database.read(self._episodes, after, limit)

    async def finish(
        self,
        incident: str,
        outcome: Outcome,
        reason: str,
        episode: Episode | None,
        *,
        event: Event | None = None,
    ) -> None:
        """One transaction: outcome, episode, claims released, folded children woken.

        `event`, told before the outcome, is what was learned. Finishing what is done is no change.
        Raises NotFound.
        """
        await self.database.write(self._finish, incident, outcome, reason, episode, event)

    def _told(self, connection: Connection, key: str) -> Incident | None:
        try:
            row = connection.execute(_TOLD, {"tenant": self.tenant, "key": key}).mappings().first()
        except Unreadable as error:
            log.error("incident_unreadable", target=key, error=str(error))  # noqa: TRY400  # its sentence says it all
            return None
        if row is None or _for_now(connection, row["id"]):
            return None
        return incident_of(row)

    def _record(self, connection: Connection, incident: str, event: Event) -> None:
        status_of(connection, self, incident)
        if event.kind == "policy":
            self._seal(connection, incident, "decision", event.data, event.at)
        if not told_outcome(connection, incident, event):
            tell(connection, self, [(incident, event)], now=self.clock.now())

    def _seal(
        self, connection: Connection, incident: str, kind: str, body: Plain, at: datetime
    ) -> None:
        journal.append(connection, self, kind=kind, subject=incident, at=at, body=body)

    def _update(self, connection: Connection, incident: str, values: dict[str, Any]) -> None:
        status_of(connection, self, incident)
        connection.execute(_SET, {"of": incident, **values})
        for attempt in values.get("attempts", []):
            self._judge(connection, incident, attempt)

    def _known(
        self,
        connection: Connection,
        incident: str,
        values: dict[str, Any],
        evidence: list[Evidence],
        event: Event | None,
    ) -> None:
        if evidence:
            self._keep(connection, incident, evidence)
        if values:
            self._update(connection, incident, values)
        if event is not None:
            self._record(connection, incident, event)

    def _judge(self, connection: Connection, incident: str, attempt: Attempt) -> None:
        """Keep the table that cool-downs read in step: one time and one verdict an attempt.

        What was refused after all was none.
        """
        this = {"of": incident, "this": attempt.number}
        if attempt.result == "refused":
            connection.execute(_NOT_TRIED, this)
            return
        row = {
            "incident": incident,
            "number": attempt.number,
            "target_key": attempt.target.key,
            "tenant": self.tenant,
            "remedy": attempt.remedy,
            "at": connection.scalar(_TRIED_AT, this) or attempt.started_at,
            "verdict": attempt.verdict,
        }
        connection.execute(unless_counted(connection.dialect.name), row)
        connection.execute(_JUDGE, {**this, "found": attempt.verdict})

    def _keep(self, connection: Connection, incident: str, items: list[Evidence]) -> None:
        status_of(connection, self, incident)
        rows = [{"incident": incident, "id": item.id, "body": bounded(item)} for item in items]
        if rows:
            connection.execute(_newest(connection.dialect.name), rows)

    def _evidence(
        self, connection: Connection, incident: str, ids: list[str]
    ) -> dict[str, Evidence]:
        status_of(connection, self, incident)
        rows = connection.execute(_EVIDENCE, {"of": incident, "ids": ids})
        return {row.id: row.body for row in rows}

    def _past(
        self, connection: Connection, alert_name: str, service: str, kind: str
    ) -> list[Episode]:
        of = {"tenant": self.tenant, "alert_name": alert_name, "service": service, "kind": kind}
        return [row.body for row in readable(connection.execute(_PAST, of), "episodes")]

    def _episodes(
        self, connection: Connection, after: int, limit: int
    ) -> list[tuple[int, Episode]]:
        rows = connection.execute(
            select(episodes.c.id, episodes.c.body)
            .where(episodes.c.tenant == self.tenant, episodes.c.id > after)
            .order_by(episodes.c.id)
            .limit(limit)
        )
        return [(row.id, row.body) for row in readable(rows, "episodes")]

    def _finish(
        self,
        connection: Connection,
        incident: str,
        outcome: Outcome,
        reason: str,
        episode: Episode | None,
        learned: Event | None,
    ) -> None:
        if status_of(connection, self, incident) == "done":
            return
        now = self.clock.now()
        if learned is not None:
            tell(connection, self, [(incident, learned)], now=now)
        done = {"status": "done", "outcome": outcome, "reason": reason, "closed_at": now}
        connection.execute(_SET, {"of": incident, **done})
        release(connection, incident)
        close_open(connection, incident, now=now)
        self._seal(connection, incident, "outcome", {"outcome": outcome, "reason": reason}, now)
        if episode is not None:
            self._learn(connection, incident, episode)
        self._wake_children(connection, incident, now)
        if outcome == "folded":
            hush(connection, incident)
        event = Event(kind="outcome", at=now, text=reason, data={"outcome": outcome})
        if not told_outcome(connection, incident, event):
            tell(connection, self, [(incident, event)], now=now)

    def _learn(self, connection: Connection, incident: str, episode: Episode) -> None:
        connection.execute(
            insert(episodes).values(
                tenant=self.tenant,
                incident=incident,
                alert_name=episode.alert_name,
                service=episode.service,
                kind=episode.kind,
                body=episode,
            )
        )

    def _wake_children(self, connection: Connection, parent: str, now: datetime) -> None:
        children = connection.scalars(_CHILDREN, {"of": parent})
        add_jobs(connection, self, list(children), why="parent_done", at=now)


@cache
def unless_counted(dialect: str) -> Insert:
    """An insert of attempts that leaves those already there as they are."""
    return insert_into(dialect, attempts).on_conflict_do_nothing()


@cache
def _newest(dialect: str) -> Insert:
    row = insert_into(dialect, tables.evidence)
    keys = ["incident", "id"]
    return row.on_conflict_do_update(index_elements=keys, set_={"body": row.excluded.body})


def _for_now(connection: Connection, incident: str) -> bool:
    last = last_of(connection, incident, "policy")
    return last is not None and last.data.get("kind") == "refused" and last.data["rule"] in FOR_NOW
