"""memory/journal.py."""

import pytest
from sqlalchemy import Connection, text

from domain.decision import Allowed, Approval
from domain.errors import Transient
from domain.incident import Event
from domain.journal import EffectResult, Sealed
from domain.plain import Plain
from memory.journal import GENESIS
from memory.store import Store
from tests.stores import START, claimed, intent, opened


async def grown(store: Store) -> str:
    """A store whose journal has a line of every kind; returns the incident."""
    incident = await opened(store)
    promise = intent(incident, fence=await claimed(store, incident))
    await store.reserve([promise], lambda _: Allowed())
    await store.call(promise)
    did = Event(kind="effect", at=START, text="restarted", data={})
    await store.conclude(promise.key, EffectResult(result="done", detail="", at=START), event=did)
    await store.ask(incident, digest="d", request={}, expires_at=START.replace(hour=9))
    await store.decide(incident, Approval(digest="d", answer="deny", by="ann"))
    await store.pause("stop", by="ann")
    await store.resume(by="ann")
    await store.finish(incident, "denied", "ann said no", None)
    return incident


def tamper(connection: Connection, statement: str) -> None:
    """What somebody with the database in hands can do: drop the guards, then write."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL session_replication_role = replica"))
    else:
        for verb in ("update", "delete"):
            connection.execute(text(f"DROP TRIGGER IF EXISTS journal_no_{verb}"))
        connection.execute(text("PRAGMA defer_foreign_keys=ON"))
    connection.execute(text(statement))


async def test_everything_that_matters_is_a_line(store: Store) -> None:
    """Decisions, effects, questions, answers, pauses and ends, sealed one by the other."""
    await grown(store)
    lines = await store.lines()
    audit = await store.audit()

    assert [line.kind for line in lines] == [
        "decision",
        "intent",
        "call",
        "result",
        "question",
        "approval",
        "pause",
        "resume",
        "outcome",
    ]
    assert (audit.broken, audit.lines, audit.head) == (None, 9, lines[-1].hash)


async def test_an_empty_journal_is_whole(store: Store) -> None:
    """Nothing was done and nothing is broken."""
    assert (await store.audit()).head == GENESIS


@pytest.mark.parametrize("table", ["journal", "intents", "calls", "results"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET seq = seq", "DELETE FROM {}"])
async def test_lines_cannot_be_changed(store: Store, table: str, statement: str) -> None:
    """The database itself refuses."""
    await grown(store)
    with pytest.raises(Transient, match="append-only"):
        await store.database.write(
            lambda connection: connection.execute(text(statement.format(table))).rowcount
        )


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        ("UPDATE journal SET body = replace(body, 'deny', 'approve') WHERE seq = 6", 6),
        ("UPDATE journal SET at = at + 1 WHERE seq = 2", 2),
        ("UPDATE journal SET kind = 'resume' WHERE seq = 7", 7),
        ("DELETE FROM journal WHERE seq = 7", 8),
        ("UPDATE journal SET seq = -1 WHERE seq = 9", -1),
    ],
)
async def test_tampering_is_found(store: Store, statement: str, line: int) -> None:
    """A changed, missing or moved line breaks the chain, and the audit says where."""
    await grown(store)
    await store.database.write(tamper, statement)

    assert (await store.audit()).broken == line


async def test_a_refusal_before_any_promise_is_a_line(store: Store) -> None:
    """What policy said in analyse is sealed too, though nothing was reserved."""
    incident = await opened(store)
    data: Plain = {"kind": "refused", "rule": "paused", "reason": "holiday"}
    await store.record(incident, Event(kind="policy", at=START, text="no", data=data))
    (line,) = await store.lines()

    assert (line.kind, line.subject, line.body) == ("decision", incident, data)


async def test_heads_noted_outside_are_looked_for(store: Store) -> None:
    """Those of the chain are found, wherever they lie; others are missing from it."""
    await grown(store)
    lines = await store.lines()
    found = await store.audit([lines[2].hash, lines[-1].hash, "elsewhere"])

    assert (found.broken, found.missing) == (None, ["elsewhere"])
    assert await store.sealed() == Sealed(lines=9, head=lines[-1].hash)


async def test_a_cut_end_shows_in_the_head(store: Store) -> None:
    """Who noted the head earlier sees that lines were taken off the end."""
    await grown(store)
    noted = (await store.audit()).head
    await store.database.write(tamper, "DELETE FROM journal WHERE seq = 9")

    assert (await store.audit()).head != noted
