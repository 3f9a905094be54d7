"""What was intended, done, decided and said: rows that only grow, each sealed by the one before.

Not here: deciding (standing.py, ledger.py).
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from pydantic import Field
from sqlalchemy import Connection, RowMapping, Select, bindparam, func, insert, select

from domain.errors import Conflict, NotFound
from domain.incident import Event
from domain.journal import EffectResult, Entry, Intent, Sealed
from domain.plain import Plain, Record
from memory.columns import micros
from memory.part import Part
from memory.tables import calls, intents, journal, results
from memory.timeline import tell

GENESIS = "0" * 64
BATCH = 1000

_LAST = select(journal.c.hash).order_by(journal.c.seq.desc()).limit(1)
_APPEND = insert(journal)


class Line(Record):
    """One line of the journal. `subject` is what it is about: an intent's key, an incident."""

    seq: int
    kind: str
    subject: str
    at: datetime
    body: Plain
    hash: str


class Audit(Record):
    """What a check of the whole chain found.

    `head` seals everything before it. `broken` names the first line that does not fit, `why`
    says how. `missing` are heads noted outside that the chain does not have: lines were cut off
    its end, or all was written anew.
    """

    lines: int
    head: str
    broken: int | None = None
    why: str = ""
    missing: list[str] = Field(default_factory=list)


def append(
    connection: Connection, part: Part, *, kind: str, subject: str, at: datetime, body: Plain
) -> int:
    """Add one line and return its number."""
    previous = connection.scalar(_LAST) or GENESIS
    row = {
        "tenant": part.tenant,
        "kind": kind,
        "subject": subject,
        "at": at,
        "body": json.dumps(body, sort_keys=True, separators=(",", ":")),
        "prev_hash": previous,
    }
    row["hash"] = seal(row)
    written = connection.execute(_APPEND, row)
    key = written.inserted_primary_key
    assert key is not None  # noqa: S101  # an insert of one row always has one
    return int(key[0])


def seal(row: RowMapping | dict[str, object]) -> str:
    """The hash of a line: of everything in it and of the line before."""
    at = row["at"]
    assert isinstance(at, datetime)  # noqa: S101  # the column's type
    told = [row["prev_hash"], row["tenant"], row["kind"], row["subject"], micros(at), row["body"]]
    return hashlib.sha256(json.dumps(told, separators=(",", ":")).encode()).hexdigest()


class Journal(Part):
    """Intents, their results, and the check of the whole."""

    async def entries(self, incident: str, attempt: int) -> list[Entry]:
        """The journal of one attempt, in order of position."""
        of = {"incident": incident, "attempt": attempt}
        return await self.database.read(_entries, _OF_ATTEMPT, of)

    async def ours(self, key: str, *, since: datetime) -> list[Entry]:
        """Our own effects on this target since then: stops that were not somebody's."""
        of = {"tenant": self.tenant, "key": key, "since": since}
        return await self.database.read(_entries, _OF_TARGET, of)

    async def conclude(self, key: str, result: EffectResult, *, event: Event) -> None:
        """Write what came of an intent, and tell it on the timeline.

        Raises NotFound (no such intent), Conflict (it was concluded before).
        """
        await self.database.write(self._conclude, key, result, event)

    async def audit(self, heads: Iterable[str] = ()) -> Audit:
        """Check the chain from its first line to its last, and for heads noted outside."""
        return await self.database.read(_audit, set(heads))

    async def sealed(self) -> Sealed:
        """Its length and its head, unchecked."""
        return await self.database.read(sealed)

    async def lines(self, *, after: int = 0, limit: int = 100) -> list[Line]:
        """The journal as it stands, oldest first."""
        return await self.database.read(self._lines, after, limit)

    def _conclude(
        self, connection: Connection, key: str, result: EffectResult, event: Event
    ) -> None:
        found = _entries(connection, _OF_KEYS, {"keys": [key]})
        if not found:
            raise NotFound(f"there is no intent {key!r}")
        if found[0].result is not None:
            raise Conflict(f"intent {key!r} was concluded before: {found[0].result.result}")
        seq = append(
            connection, self, kind="result", subject=key, at=result.at, body=result.plain()
        )
        connection.execute(_CONCLUDE, {"key": key, "result": result.result, "seq": seq})
        tell(connection, self, [(found[0].intent.incident, event)], now=self.clock.now())

    def _lines(self, connection: Connection, after: int, limit: int) -> list[Line]:
        rows = connection.execute(
            select(journal)
            .where(journal.c.tenant == self.tenant, journal.c.seq > after)
            .order_by(journal.c.seq)
            .limit(limit)
        )
        return [
            Line(
                seq=row.seq,
                kind=row.kind,
                subject=row.subject,
                at=row.at,
                body=json.loads(row.body),
                hash=row.hash,
            )
            for row in rows
        ]


def write_intents(connection: Connection, part: Part, wanted: Sequence[Intent]) -> None:
    """Promise these effects: a journal line and an index row each."""
    for intent in wanted:
        seq = append(
            connection,
            part,
            kind="intent",
            subject=intent.key,
            at=intent.at,
            body=intent.plain(),
        )
        connection.execute(_INTEND, _intent_row(part, intent, seq))


def write_call(connection: Connection, part: Part, intent: Intent) -> None:
    """The call to Docker or Proxmox goes out. Raises Conflict: it went out before."""
    found = _entries(connection, _OF_KEYS, {"keys": [intent.key]})
    if not found:
        raise NotFound(f"there is no intent {intent.key!r}")
    if found[0].called_at is not None or found[0].result is not None:
        raise Conflict(f"the call of intent {intent.key!r} went out before")
    body: Plain = {"verb": intent.effect.verb, "target": intent.effect.target.key}
    now = part.clock.now()
    seq = append(connection, part, kind="call", subject=intent.key, at=now, body=body)
    connection.execute(_CALL, {"key": intent.key, "seq": seq})


def written(connection: Connection, wanted: Sequence[Intent]) -> list[Intent]:
    """Those of these intents that stand in the journal already."""
    keys = [intent.key for intent in wanted]
    found = _entries(connection, _OF_KEYS, {"keys": keys})
    return [entry.intent for entry in found]


_OF_CALL, _OF_RESULT = journal.alias("of_call"), journal.alias("of_result")
_ENTRIES: Select[str, datetime | None, str | None] = (
    select(journal.c.body, _OF_CALL.c.at.label("called_at"), _OF_RESULT.c.body.label("result"))
    .select_from(intents)
    .join(journal, journal.c.seq == intents.c.seq)
    .outerjoin(calls, calls.c.key == intents.c.key)
    .outerjoin(_OF_CALL, _OF_CALL.c.seq == calls.c.seq)
    .outerjoin(results, results.c.key == intents.c.key)
    .outerjoin(_OF_RESULT, _OF_RESULT.c.seq == results.c.seq)
)


_OF_KEYS = _ENTRIES.where(intents.c.key.in_(bindparam("keys", expanding=True)))
_OF_ATTEMPT = _ENTRIES.where(
    intents.c.incident == bindparam("incident"), intents.c.attempt == bindparam("attempt")
).order_by(intents.c.position)
_OF_TARGET = _ENTRIES.where(
    intents.c.tenant == bindparam("tenant"),
    intents.c.target_key == bindparam("key"),
    intents.c.at >= bindparam("since"),
).order_by(intents.c.seq)
_INTEND, _CALL, _CONCLUDE = insert(intents), insert(calls), insert(results)


def _entries(
    connection: Connection,
    wanted: Select[str, datetime | None, str | None],
    given: dict[str, object],
) -> list[Entry]:
    return [
        Entry(
            intent=Intent.model_validate_json(row.body),
            called_at=row.called_at,
            result=None if row.result is None else EffectResult.model_validate_json(row.result),
        )
        for row in connection.execute(wanted, given)
    ]


def _intent_row(part: Part, intent: Intent, seq: int) -> dict[str, object]:
    return {
        "key": intent.key,
        "tenant": part.tenant,
        "incident": intent.incident,
        "attempt": intent.attempt,
        "position": intent.position,
        "remedy": intent.remedy,
        "target_key": intent.effect.target.key,
        "at": intent.at,
        "seq": seq,
    }


def sealed(connection: Connection) -> Sealed:
    """How long the journal is, and its last hash."""
    lines = connection.scalar(select(func.count()).select_from(journal)) or 0
    return Sealed(lines=lines, head=connection.scalar(_LAST) or "")


def _audit(connection: Connection, heads: set[str]) -> Audit:
    wanted = select(journal).order_by(journal.c.seq)
    with connection.execution_options(yield_per=BATCH).execute(wanted) as rows:
        return check(rows.mappings(), heads)


def check(rows: Iterable[RowMapping], heads: Iterable[str] = ()) -> Audit:
    """Follow the chain of these lines, and look for these heads in it."""
    head, count, missing = GENESIS, 0, set(heads)
    for row in rows:
        if row["prev_hash"] != head:
            why = "the line before it is missing or was changed"
            return Audit(lines=count, head=head, broken=row["seq"], why=why)
        if row["hash"] != seal(row):
            why = "its content does not fit its seal"
            return Audit(lines=count, head=head, broken=row["seq"], why=why)
        head, count = row["hash"], count + 1
        missing.discard(head)
    return Audit(lines=count, head=head, missing=sorted(missing))
