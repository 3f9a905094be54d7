"""Whatever fails, in whichever call: the incident ends, in time, and nothing is done twice."""

from typing import Any

import pytest

from domain.errors import NightshiftError, Permanent, Transient
from domain.incident import Incident
from tests.graph.driving import Service

ENDED_WITHIN_S = 900.0
CALLS = ("inventory", "facts", "logs", "stats", "perform")


async def seen_through(service: Service) -> tuple[Incident, float]:
    """The end of a crash as a worker sees it through, errors of ours included, and how long."""
    store, clock, runs = service.world.store, service.world.clock, service.runs
    service.world.containers.crash("web")
    incident, begun = await service.alert(), clock.now()
    for _ in range(600):
        job = await store.take()
        if job is not None:
            await runs.segment(job)
            continue
        if (await store.incident(incident)).status == "done":
            break
        clock.advance(1)
    return await store.incident(incident), (clock.now() - begun).total_seconds()


@pytest.mark.parametrize("error", [Transient("no answer"), Permanent("that is no answer")])
@pytest.mark.parametrize("call", CALLS)
async def test_any_call_of_docker(service: Service, call: str, error: NightshiftError) -> None:
    """Each call by itself fails for good."""
    service.world.containers.errors[call] = error
    row, took = await seen_through(service)

    assert row.status == "done"
    assert len(service.verbs()) <= 1
    assert took < ENDED_WITHIN_S


class Flaky:
    """Fails the first writes of one kind, as a disk without room does."""

    def __init__(self, service: Service, name: str, *, times: int) -> None:
        self._write = service.world.store.database.write
        self._name, self._left = name, times

    async def __call__(self, work: Any, *args: Any, **kwargs: Any) -> Any:
        """A write."""
        if work.__name__ == self._name and self._left:
            self._left -= 1
            raise Transient("the store did not do it: database or disk is full")
        return await self._write(work, *args, **kwargs)


WRITES = (
    "_keep_evidence", "_update", "_record", "_claim", "_reserve", "_conclude", "_finish", "_done",
    "_wake",
)  # fmt: skip


@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize("name", WRITES)
async def test_any_write(service: Service, name: str, times: int) -> None:
    """Each kind of write fails for a moment, or for longer than a node tries again."""
    flaky = Flaky(service, name, times=times)
    service.world.store.database.write = flaky  # type: ignore[method-assign]  # it stands for it
    row, took = await seen_through(service)

    assert row.status == "done"
    assert row.outcome in {"resolved", "failed", "escalated", "self_resolved"}
    assert len(service.verbs()) <= 1
    assert took < ENDED_WITHIN_S


async def test_those_are_the_writes(service: Service) -> None:
    """The list above is what an incident really writes, and nothing else."""
    names: set[str] = set()
    write = service.world.store.database.write

    async def noting(work: Any, *args: Any, **kwargs: Any) -> Any:
        names.add(work.__name__)
        return await write(work, *args, **kwargs)

    service.world.store.database.write = noting  # type: ignore[method-assign]  # it stands for it
    row, _ = await seen_through(service)

    assert row.outcome == "resolved"
    assert names - {"_accept", "_saw", "_well"} - set(WRITES) == set()
