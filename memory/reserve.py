"""Asking policy inside the transaction that writes the promise. Not here: policy."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from domain.decision import Allowed, NeedsApproval, Refused
from domain.errors import Conflict
from domain.incident import Event
from domain.journal import Intent, Standing
from domain.ports import Decide
from memory import journal
from memory.ledger import unless_counted
from memory.part import Part
from memory.standing import Question, read_standing
from memory.timeline import last_of, status_of, tell

Decision = Allowed | NeedsApproval | Refused


class Reservations(Part):
    """The standing, and what is promised on it."""

    async def standing(
        self, incident: str, *, thread: str, fence: int, keys: Sequence[str]
    ) -> Standing:
        """The same standing, outside a reservation: for a first word in analyse."""
        question = Question(incident=incident, thread=thread, fence=fence, keys=keys)
        return await self.database.read(read_standing, self, question)

    async def reserve(self, intents: Sequence[Intent], decide: Decide) -> Decision:
        """In one transaction: read the standing, decide, and where allowed write the intents.

        All intents belong to one attempt. The same ones again (after a crash) are judged again,
        their own first writing left out, and not written twice. The decision is journalled, and
        told where it is not the one told last.
        Raises NotFound, Conflict (none, the incident is done, other intents under these keys).
        """
        if not intents:
            raise Conflict("there are no effects to reserve")
        return await self.database.write(self._reserve, list(intents), decide)

    async def call(self, intent: Intent) -> str:
        """Note that the call goes out now; why it may not, or an empty string.

        Raises NotFound (no such intent), Conflict (it went out before, or was concluded).
        """
        return await self.database.write_quietly(self._call, intent)

    def _call(self, connection: Connection, intent: Intent) -> str:
        question = Question(
            incident=intent.incident,
            thread=intent.thread,
            fence=intent.fence,
            keys=[intent.effect.target.key],
        )
        standing = read_standing(connection, self, question)
        if standing.paused:
            return f"Nightshift was paused meanwhile: {standing.paused}"
        if not standing.holds_claim:
            return "another run holds the target's claim now"
        journal.write_call(connection, self, intent)
        return ""

    def _reserve(self, connection: Connection, wanted: list[Intent], decide: Decide) -> Decision:
        first, now = wanted[0], self.clock.now()
        if status_of(connection, self, first.incident) == "done":
            raise Conflict(f"incident {first.incident!r} is done: nothing is done for it any more")
        again = _again(connection, wanted)
        decision = decide(read_standing(connection, self, _question(wanted)))
        allowed = isinstance(decision, Allowed)
        if not (again and allowed):
            self._note(connection, first, decision, now)
        if allowed and not again:
            journal.write_intents(connection, self, wanted)
            self._count_attempt(connection, wanted)
            tell(connection, self, [(one.incident, _intended(one)) for one in wanted], now=now)
        return decision

    def _note(
        self, connection: Connection, intent: Intent, decision: Decision, now: datetime
    ) -> None:
        data = {**decision.plain(), "remedy": intent.remedy, "attempt": intent.attempt}
        journal.append(
            connection, self, kind="decision", subject=intent.incident, at=now, body=data
        )
        event = Event(kind="policy", at=now, text=_said(intent, decision), data=data)
        last = last_of(connection, intent.incident, "policy")
        if last is None or last.data != data:
            tell(connection, self, [(intent.incident, event)], now=now)

    def _count_attempt(self, connection: Connection, wanted: list[Intent]) -> None:
        first = wanted[0]
        rows = [
            {
                "incident": first.incident,
                "number": first.attempt,
                "target_key": key,
                "tenant": self.tenant,
                "remedy": first.remedy,
                "at": first.at,
                "verdict": "pending",
            }
            for key in _keys(wanted)
        ]
        connection.execute(unless_counted(connection.dialect.name), rows)


def _keys(wanted: Sequence[Intent]) -> list[str]:
    return sorted({intent.effect.target.key for intent in wanted})


def _question(wanted: list[Intent]) -> Question:
    first = wanted[0]
    if any((one.incident, one.attempt) != (first.incident, first.attempt) for one in wanted):
        raise Conflict("intents of more than one attempt cannot be reserved together")
    return Question(
        incident=first.incident,
        thread=first.thread,
        fence=first.fence,
        keys=_keys(wanted),
        attempt=first.attempt,
    )


def _again(connection: Connection, wanted: list[Intent]) -> bool:
    before = journal.written(connection, wanted)
    if before and _promises(before) != _promises(wanted):
        raise Conflict(f"other effects were promised as attempt {wanted[0].attempt}")
    return bool(before)


def _promises(wanted: Sequence[Intent]) -> dict[str, tuple[object, ...]]:
    return {one.key: (one.incident, one.attempt, one.position, one.effect) for one in wanted}


def _said(intent: Intent, decision: Decision) -> str:
    words = {"allowed": "allowed", "needs_approval": "needs a person's word", "refused": "refused"}
    return f"{intent.remedy} {words[decision.kind]}: {decision.reason}"


def _intended(intent: Intent) -> Event:
    target = intent.effect.target
    return Event(
        kind="intent",
        at=intent.at,
        text=f"about to {intent.effect.verb} {target.name}",
        data={
            "key": intent.key,
            "attempt": intent.attempt,
            "remedy": intent.remedy,
            "verb": intent.effect.verb,
            "target": target.key,
        },
    )
