"""Questions to people and their answers. Not here: who may answer, or how they are asked."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from domain.decision import Approval
from domain.errors import Conflict
from domain.incident import Event
from domain.plain import Plain
from memory import journal
from memory.database import insert_into
from memory.jobs import add_jobs, drop_expiry, set_waiting
from memory.part import Part
from memory.tables import approvals
from memory.timeline import status_of, tell


class Approvals(Part):
    """At most one open question an incident; a new one replaces it."""

    async def ask(
        self, incident: str, *, digest: str, request: Plain, expires_at: datetime
    ) -> None:
        """Note that a person is asked; the same digest again is no change.

        The incident waits; a job of why `expiry` ends the waiting. Raises NotFound, Conflict
        (it is done).
        """
        await self.database.write(self._ask, incident, digest, request, expires_at)

    async def approval(self, incident: str, digest: str) -> Approval | None:
        """The answer to that request, if there is one."""
        row = await self.database.read(self._one, incident, digest)
        if row is None or row.answer is None:
            return None
        return Approval(digest=digest, answer=row.answer, by=row.by, reason=row.reason)

    async def approval_expires(self, incident: str, digest: str) -> datetime | None:
        """When that request ends; None if nobody was asked."""
        row = await self.database.read(self._one, incident, digest)
        return None if row is None else row.expires_at

    async def pending_approval(self, incident: str) -> Plain | None:
        """The open request of that incident: `{digest, expires_at, request}`."""
        row = await self.database.read(self._pending, incident)
        if row is None:
            return None
        expires_at = row.expires_at.isoformat()
        return {"digest": row.digest, "expires_at": expires_at, "request": row.request}

    async def decide(self, incident: str, approval: Approval) -> None:
        """Write a person's answer and wake the incident.

        Raises NotFound (no incident), Conflict (nobody asked, answered, expired, other digest).
        """
        await self.database.write(self._decide, incident, approval)

    def _ask(
        self,
        connection: Connection,
        incident: str,
        digest: str,
        request: Plain,
        expires_at: datetime,
    ) -> None:
        if status_of(connection, self, incident) == "done":
            raise Conflict(f"incident {incident!r} is done: there is nothing left to ask")
        row = self._one(connection, incident, digest)
        if row is not None and row.answer is not None:
            return
        set_waiting(connection, incident)
        if row is not None and row.closed_at is None:
            return
        now = self.clock.now()
        close_open(connection, incident, now=now)
        _write(connection, incident, digest, request, asked_at=now, expires_at=expires_at)
        asked: Plain = {"digest": digest, "request": request, "expires_at": expires_at.isoformat()}
        journal.append(connection, self, kind="question", subject=incident, at=now, body=asked)
        add_jobs(connection, self, [incident], why="expiry", at=expires_at)
        tell(connection, self, [(incident, _asked(digest, request, expires_at, now))], now=now)

    def _one(
        self, connection: Connection, incident: str, digest: str
    ) -> Row[*tuple[Any, ...]] | None:
        wanted = (approvals.c.incident == incident, approvals.c.digest == digest)
        return connection.execute(select(approvals).where(*wanted)).first()

    def _pending(self, connection: Connection, incident: str) -> Row[*tuple[Any, ...]] | None:
        return connection.execute(
            select(approvals).where(
                approvals.c.incident == incident,
                approvals.c.answer.is_(None),
                approvals.c.closed_at.is_(None),
                approvals.c.expires_at > self.clock.now(),
            )
        ).first()

    def _decide(self, connection: Connection, incident: str, approval: Approval) -> None:
        status_of(connection, self, incident)
        self._must_be_answerable(connection, incident, approval.digest)
        now = self.clock.now()
        connection.execute(
            update(approvals)
            .where(approvals.c.incident == incident, approvals.c.digest == approval.digest)
            .values(answer=approval.answer, by=approval.by, reason=approval.reason, answered_at=now)
        )
        journal.append(
            connection,
            self,
            kind="approval",
            subject=incident,
            at=now,
            body=approval.plain(),
        )
        drop_expiry(connection, incident)
        add_jobs(connection, self, [incident], why="decision", at=now)
        tell(connection, self, [(incident, _decided(approval, now))], now=now)

    def _must_be_answerable(self, connection: Connection, incident: str, digest: str) -> None:
        row = self._one(connection, incident, digest)
        if row is None:
            asked = select(approvals.c.digest).where(approvals.c.incident == incident)
            if connection.execute(asked).first() is None:
                raise Conflict(f"nobody is asked anything about incident {incident!r}")
            raise Conflict(f"the request of incident {incident!r} is not {digest!r}: look again")
        if row.answer is not None:
            raise Conflict(f"{row.by} has answered this request: {row.answer}")
        if row.closed_at is not None:
            raise Conflict(f"this request of incident {incident!r} is closed")
        if row.expires_at <= self.clock.now():
            raise Conflict(f"this request has expired at {row.expires_at:%Y-%m-%d %H:%M:%S} UTC")


_CLOSE = (
    update(approvals)
    .where(
        approvals.c.incident == bindparam("of"),
        approvals.c.answer.is_(None),
        approvals.c.closed_at.is_(None),
    )
    .values(closed_at=bindparam("now"))
)


def close_open(connection: Connection, incident: str, *, now: datetime) -> None:
    """Whatever was asked and not answered is not asked any more."""
    connection.execute(_CLOSE, {"of": incident, "now": now})
    drop_expiry(connection, incident)


def _write(
    connection: Connection,
    incident: str,
    digest: str,
    request: Plain,
    *,
    asked_at: datetime,
    expires_at: datetime,
) -> None:
    row = insert_into(connection.dialect.name, approvals).values(
        incident=incident,
        digest=digest,
        request=request,
        asked_at=asked_at,
        expires_at=expires_at,
        by="",
        reason="",
    )
    given = row.excluded
    again = {
        "request": given.request,
        "asked_at": given.asked_at,
        "expires_at": given.expires_at,
        "closed_at": None,
    }
    connection.execute(row.on_conflict_do_update(index_elements=["incident", "digest"], set_=again))


def _asked(digest: str, request: Plain, expires_at: datetime, now: datetime) -> Event:
    return Event(
        kind="approval_requested",
        at=now,
        text=f"waits for a person's word until {expires_at:%Y-%m-%d %H:%M} UTC",
        data={"digest": digest, "request": request, "expires_at": expires_at.isoformat()},
    )


def _decided(approval: Approval, now: datetime) -> Event:
    word = "approved" if approval.answer == "approve" else "denied"
    because = f": {approval.reason}" if approval.reason else ""
    return Event(
        kind="approval_decided",
        at=now,
        text=f"{word} by {approval.by}{because}",
        data=approval.plain(),
    )
