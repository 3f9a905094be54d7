"""Whatever fails, in whichever call: the incident ends, in time, and nothing is done twice."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from domain.errors import NightshiftError, Permanent, Transient, Unanswered
from domain.incident import Incident
from memory import fate
from tests.faults.workers import Worker, at_work
from tests.postgres import commit_unheard

ENDED_WITHIN_S = 900.0
CALLS = ("inventory", "facts", "logs", "stats", "perform")
ONCE = ("received", "diagnosis", "intent", "effect", "verdict", "outcome")
"""Kinds of events that the story of a crash that is healed has one of."""
Work = Callable[..., Any]


@pytest.fixture
async def service(place: Path | str) -> AsyncIterator[Worker]:
    """The whole graph, its store and checkpoints at that place."""
    async with at_work(place) as worker:
        yield worker


async def seen_through(service: Worker) -> tuple[Incident, float]:
    """The end of a crash as a worker sees it through, errors of ours included, and how long."""
    store, clock = service.world.store, service.world.clock
    service.world.containers.crash("web")
    incident, begun = await service.alert(), clock.now()
    for _ in range(600):
        due = await store.next_due()
        if due is not None and due <= clock.now():
            await service.segment(incident)
            continue
        if (await store.incident(incident)).status == "done":
            break
        clock.advance(1)
    return await store.incident(incident), (clock.now() - begun).total_seconds()


@pytest.mark.parametrize("error", [Transient("no answer"), Permanent("that is no answer")])
@pytest.mark.parametrize("call", CALLS)
async def test_any_call_of_docker(service: Worker, call: str, error: NightshiftError) -> None:
    """Each call by itself fails for good."""
    service.world.containers.errors[call] = error
    row, took = await seen_through(service)

    assert row.status == "done"
    assert len(service.verbs()) <= 1
    assert took < ENDED_WITHIN_S


def instead(service: Worker, of: Callable[[Work], Work]) -> None:
    """Every write of the store goes through this."""
    database = service.world.store.database
    database.write = of(database.write)  # type: ignore[method-assign]  # it stands for it
    database.write_quietly = of(database.write_quietly)  # type: ignore[method-assign]  # the same


class Flaky:
    """Fails the first writes of one kind, as a disk without room does."""

    def __init__(self, service: Worker, name: str, *, times: int) -> None:
        self._name, self._left = name, times
        instead(service, self._of)

    def _of(self, write: Work) -> Work:
        async def failing(work: Work, *args: Any, **kwargs: Any) -> Any:
            if work.__name__ == self._name and self._left:
                self._left -= 1
                raise Transient("the store did not do it: database or disk is full")
            return await write(work, *args, **kwargs)

        return failing


WRITES = (
    "_known", "_record", "_claim", "_reserve", "_call", "_conclude", "_finish", "_done",
)  # fmt: skip
AROUND = ("_accept", "_saw", "_well", "_take", "_take_turn")
"""What is written before the incident has a worker."""


@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize("name", WRITES)
async def test_any_write(service: Worker, name: str, times: int) -> None:
    """Each kind of write fails for a moment, or for longer than a node tries again."""
    Flaky(service, name, times=times)
    row, took = await seen_through(service)

    assert row.status == "done"
    assert row.outcome in {"resolved", "failed", "escalated", "self_resolved"}
    assert len(service.verbs()) <= 1
    assert took < ENDED_WITHIN_S


async def test_the_wait_for_the_next_try(service: Worker) -> None:
    """A run fails, and when to try again cannot be written down at first."""
    Flaky(service, "_finish", times=4)
    Flaky(service, "_wake", times=2)
    row, took = await seen_through(service)

    assert row.outcome == "resolved"
    assert len(service.verbs()) == 1
    assert took < ENDED_WITHIN_S


async def test_those_are_the_writes(service: Worker) -> None:
    """The list above is what an incident really writes: nothing else, and no less."""
    names: set[str] = set()

    def of(write: Work) -> Work:
        async def noting(work: Work, *args: Any, **kwargs: Any) -> Any:
            names.add(work.__name__)
            return await write(work, *args, **kwargs)

        return noting

    instead(service, of)
    row, _ = await seen_through(service)

    assert row.outcome == "resolved"
    assert names - set(AROUND) == set(WRITES)


class Cut:
    """Once, a commit of one kind of write reaches the server, and its answer nobody."""

    def __init__(self, service: Worker, name: str) -> None:
        self._name, self._armed = name, False
        self.count = 0
        instead(service, self._of)
        event.listen(service.world.store.database.writer, "commit", self._commit)

    def _of(self, write: Work) -> Work:
        async def cutting(work: Work, *args: Any, **kwargs: Any) -> Any:
            @wraps(work)
            def armed(*given: Any, **more: Any) -> Any:
                result = work(*given, **more)
                self._armed = work.__name__ == self._name and not self.count
                return result

            return await write(armed, *args, **kwargs)

        return cutting

    def _commit(self, connection: Connection) -> None:
        if self._armed:
            self._armed, self.count = False, self.count + 1
            commit_unheard(connection)


@pytest.mark.parametrize("place", ["postgres"], indirect=True)
@pytest.mark.parametrize("name", [*WRITES, "_accept", "_take_turn"])
async def test_any_lost_answer(service: Worker, name: str) -> None:
    """It was committed, and the connection died before that was said: nothing is done twice."""
    cut = Cut(service, name)
    row, took = await seen_through(service)
    told = Counter[str](one.kind for one in await service.world.store.timeline(row.id))

    assert cut.count == 1
    assert row.outcome == "resolved"
    assert len(service.verbs()) == 1
    assert [told[kind] for kind in ONCE] == [1] * len(ONCE)
    assert took < ENDED_WITHIN_S


@pytest.mark.parametrize("place", ["postgres"], indirect=True)
@pytest.mark.parametrize("name", [*WRITES, "_take_turn"])
async def test_any_lost_answer_that_nobody_finds(
    service: Worker, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor can the server say later what became of it: it may end as failed, and once."""

    def nobody_knows(*_: object) -> bool:
        raise Unanswered("the store's server went away under a commit")

    monkeypatch.setattr(fate, "took_place", nobody_knows)
    cut = Cut(service, name)
    row, took = await seen_through(service)
    told = Counter[str](one.kind for one in await service.world.store.timeline(row.id))

    assert cut.count == 1
    assert row.outcome in {"resolved", "failed", "escalated"}
    assert len(service.verbs()) <= 1
    assert told["effect"] <= 1
    assert told["outcome"] == 1
    assert took < ENDED_WITHIN_S
