"""A row that cannot be read: its incident ends, loudly, and all others go on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from domain.errors import Unreadable
from domain.notice import Message
from nightshift.outbox import Courier
from nightshift.scribe import Scribe
from nightshift.testing import firing
from tests.faults.workers import Worker, at_work

COLUMNS = ("alert", "target", "diagnosis", "attempts", "verdict", "usage")


@pytest.fixture
async def service(place: Path | str) -> AsyncIterator[Worker]:
    """The whole graph, its store and checkpoints at that place."""
    async with at_work(place) as worker:
        yield worker


class Letters:
    """A channel that keeps what it is given."""

    name = "console"

    def __init__(self) -> None:
        self.sent: dict[str, str] = {}

    async def deliver(self, message: Message, previous: str | None) -> str:
        """Keep it."""
        self.sent[message.incident] = message.text
        return message.incident


async def both(service: Worker) -> tuple[str, str]:
    """Two incidents that have just come in: the one to be damaged, and another."""
    service.world.containers.crash("web")
    service.world.containers.crash("db")
    await service.world.watch()
    one = await service.world.accept(firing("web"))
    return one, await service.world.accept(firing("db"))


async def spoil(service: Worker, statement: str, incident: str) -> None:
    """Something else writes to the database."""
    await service.world.store.database.write(
        lambda connection: connection.execute(text(statement), {"of": incident})
    )


async def driven(service: Worker, *incidents: str) -> None:
    """Everything that falls due, whosever it is."""
    store, clock = service.world.store, service.world.clock
    for _ in range(300):
        due = await store.next_due()
        if due is None:
            return
        clock.advance(max(0.0, (due - clock.now()).total_seconds()))
        for one in incidents:
            await service.segment(one)
        await service.world.watch()


async def ends(service: Worker) -> dict[str, tuple[str, str]]:
    """Status and outcome by incident, as they stand in the table."""
    rows = await service.world.store.database.read(
        lambda c: c.execute(text("SELECT id, status, outcome FROM incidents")).all()
    )
    return {row[0]: (row[1], row[2]) for row in rows}


@pytest.mark.parametrize("column", COLUMNS)
async def test_an_incident_that_cannot_be_read(service: Worker, column: str) -> None:
    """It ends as failed, is told in what words there are, and lists show the others."""
    one, other = await both(service)
    await spoil(service, f"UPDATE incidents SET {column} = '{{torn' WHERE id = :of", one)  # noqa: S608  # names of ours
    await driven(service, one, other)
    store, letters = service.world.store, Letters()
    await Courier(store, Scribe(store), letters, service.world.clock).round()
    found = await ends(service)
    with pytest.raises(Unreadable, match="cannot be read"):
        await store.incident(one)

    assert found[one] == ("done", "failed")
    assert found[other][0] == "done"
    assert found[other][1] != "failed"
    assert [row.id for row in await store.incidents(limit=9)] == [other]
    assert "cannot be read" in letters.sent[one]
    assert other in letters.sent


async def test_what_people_were_told_cannot_be_read(service: Worker) -> None:
    """The newest story of a target is none then: its next alert is looked at afresh."""
    store = service.world.store
    one = await service.world.accept(firing("web"))
    target = service.world.containers["web"].target
    await store.update(one, target=target)
    await store.finish(one, "escalated", "no runbook explains it", None)
    known = await store.told(target.key)
    await spoil(service, "UPDATE incidents SET alert = '{torn' WHERE id = :of", one)

    assert known is not None
    assert await store.told(target.key) is None


async def test_a_job_that_cannot_be_read(service: Worker) -> None:
    """Nobody knows why it was made: its incident is driven all the same, and so is the other."""
    one, other = await both(service)
    await spoil(service, "UPDATE jobs SET why = 'torn' WHERE incident = :of", one)
    await driven(service, one, other)

    assert {status for status, _ in (await ends(service)).values()} == {"done"}
    assert "failed" not in {outcome for _, outcome in (await ends(service)).values()}


async def test_an_event_that_cannot_be_read(service: Worker) -> None:
    """The timeline says so at its place, and goes on."""
    one, other = await both(service)
    await spoil(service, "UPDATE events SET data = '{torn' WHERE incident = :of", one)
    await driven(service, one, other)
    timeline = await service.world.store.timeline(one)

    assert timeline[0].data == {"unreadable": "{torn"}
    assert [row.status for row in await service.world.store.incidents(limit=9)] == ["done"] * 2
    assert len(await service.world.store.changes(after=0, limit=500)) > len(timeline)


async def test_an_episode_that_cannot_be_read(service: Worker) -> None:
    """Memory does without it: the next alert of its kind is healed, and the index is filled."""
    one, other = await both(service)
    await driven(service, one, other)
    await spoil(service, "UPDATE episodes SET body = '{torn' WHERE incident = :of", one)
    store = service.world.store
    again = firing("web").model_copy(update={"starts_at": service.world.clock.now()})
    service.world.containers.crash("web")
    await service.world.watch()
    third = await service.world.accept(again)
    await driven(service, third)
    kept = {episode.incident for _, episode in await store.episodes(limit=9)}

    assert (await store.incident(third)).outcome == "resolved"
    assert kept == {other, third}


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
async def test_a_draft_that_cannot_be_read(service: Worker) -> None:
    """Only a file takes a word for a number; the other's message goes out."""
    one, other = await both(service)
    await driven(service, one, other)
    await spoil(service, "UPDATE outbox SET version = 'torn' WHERE incident = :of", one)
    store, letters = service.world.store, Letters()
    await Courier(store, Scribe(store), letters, service.world.clock).round()

    assert list(letters.sent) == [other]
