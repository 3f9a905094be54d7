"""Docker down, slow and lying, over real HTTP."""

import json
from datetime import timedelta

import pytest

from domain.facts import ContainerFacts
from domain.metrics import Probe
from nightshift.testing import T0, firing
from tests.faults.houses import House, down, handed_over, lying, slow
from tests.graph.driving import Service

LISTING, INSPECT = r"/containers/json", r"/containers/[0-9a-f]{64}/json"
START = r"/containers/[0-9a-f]{64}/start"


async def test_down(house: House) -> None:
    """Escalated with the reason, nothing done; seen in all three places; the next post heals."""
    async with house.at_work() as nightshift:
        down(house.docker.faults)
        row = await nightshift.end(await house.crash(nightshift))
        told = await house.chat(lambda words: "Needs you" in words)
        word = await house.degraded(nightshift, "docker")
        house.docker.faults.clear()
        again = await nightshift.end(await nightshift.accepted("ContainerDown", "web"))
        after = await house.degraded(nightshift, "docker")

    assert handed_over(row)
    assert "Docker out of reach on nas" in row.reason
    assert "Degraded:" in told
    assert (bool(word), after) == (True, "")
    assert (again.outcome, house.verbs()) == ("resolved", ["start web"])


async def test_down_in_between(house: House) -> None:
    """Gone while the incident is under way: not told as if the container were gone."""
    async with house.at_work() as nightshift:
        web = house.world.get("web").id
        house.docker.faults.add(f"/{web}/logs", disconnect="before")
        await house.world.break_("web", "crash")
        seen = house.docker.faults.add(INSPECT, delay_s=0.0, times=1)
        incident = await nightshift.accepted("ContainerDown", "web")
        await house.docker.faults.arrived("/logs")
        down(house.docker.faults)
        house.docker.faults.faults.insert(0, house.docker.faults.faults.pop())
        row = await nightshift.end(incident)

    assert seen.used == 1
    assert handed_over(row)
    assert "is gone" not in row.reason
    assert house.verbs() == []


async def test_slow(house: House) -> None:
    """What does not answer in time is out of reach; nothing is done."""
    async with house.at_work() as nightshift:
        slow(house.docker.faults, by_s=2.0)
        row = await nightshift.end(await house.crash(nightshift))
        house.docker.faults.clear()

    assert handed_over(row)
    assert "out of reach on nas" in row.reason
    assert house.verbs() == []


async def test_a_slow_act_is_done_once(house: House) -> None:
    """It took place after we gave up waiting: found by looking, never sent again."""
    async with house.at_work() as nightshift:
        slow(house.docker.faults, START, by_s=1.2)
        row = await nightshift.end(await house.crash(nightshift))

    assert house.verbs() == ["start web"]
    assert row.outcome in {"resolved", "escalated"}
    assert len(list(house.docker.faults.seen(START))) == 1


async def test_lies_an_empty_house(house: House) -> None:
    """No containers at all, with status 200: nobody is found, so nothing is done."""
    async with house.at_work() as nightshift:
        lying(house.docker.faults, LISTING, b"[]")
        row = await nightshift.end(await house.crash(nightshift))

    assert handed_over(row)
    assert "no container answers to the alert's labels" in row.reason
    assert house.verbs() == []


@pytest.mark.parametrize("body", [b"<html>busy</html>", b'{"Id":', b"{}", b'"ok"'])
async def test_lies_with_garbage(house: House, body: bytes) -> None:
    """What is no inspection is no evidence."""
    async with house.at_work() as nightshift:
        lying(house.docker.faults, INSPECT, body)
        row = await nightshift.end(await house.crash(nightshift))

    assert handed_over(row)
    assert house.verbs() == []


async def test_lies_about_who_it_is(house: House) -> None:
    """An inspection that answers with another container is none of this one."""
    async with house.at_work() as nightshift:
        other = json.dumps({"Id": "f" * 64, "Name": "/web", "State": {"Status": "exited"}})
        lying(house.docker.faults, INSPECT, other.encode())
        row = await nightshift.end(await house.crash(nightshift))

    assert handed_over(row)
    assert house.verbs() == []


async def test_lies_that_it_was_done(house: House) -> None:
    """204, and nothing happened: never told as fixed."""
    async with house.at_work() as nightshift:
        house.docker.faults.add(r"/(start|restart)$", method="POST", status=204, body=b"")
        row = await nightshift.end(await house.crash(nightshift))
        told = await house.chat(lambda words: "Needs you" in words)

    assert handed_over(row)
    assert all(attempt.verdict != "healed" for attempt in row.attempts)
    assert "Fixed" not in told


async def test_lies_that_it_runs(service: Service) -> None:
    """Docker says running and healthy, each probe from outside fails: the probe is believed."""

    async def failing(_: ContainerFacts) -> Probe:
        now = service.world.clock.now()
        return Probe(state="bad", query="probe_success", detail="probe of web", at=now)

    assert service.world.metrics
    service.world.metrics.probe = failing  # type: ignore[method-assign,assignment]  # the same answer each time
    row = await service.end(await service.alert(firing("ProbeFailed", name="web")))

    assert handed_over(row)
    assert all(attempt.verdict != "healed" for attempt in row.attempts)


async def test_clocks_apart(service: Service) -> None:
    """Docker's clock is an hour ahead: what runs since our act is well all the same, once."""
    service.world.containers.crash("web")
    service.world.containers.fate("web", _an_hour_ahead)
    row = await service.end(await service.alert())

    assert (row.outcome, service.verbs()) == ("resolved", ["start web"])


def _an_hour_ahead(facts: ContainerFacts) -> ContainerFacts:
    begun = (facts.started_at or T0) + timedelta(hours=1)
    return facts.model_copy(update={"started_at": begun, "health": "healthy"})
