"""The proactive check, over the real store and a world of fakes."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from domain.alert import Alert
from domain.errors import Transient
from domain.incident import Incident
from domain.metrics import Answer, Expression, Sample
from domain.verdict import Verdict
from nightshift.check import AGAIN_WITHIN, DOWN_TARGETS, Check
from nightshift.testing import T0, FakeMetrics, World, container, firing, open_world, target


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """`web`, which is well."""
    async with open_world(tmp_path, container("web", health="healthy")) as world:
        yield world


async def check(world: World) -> list[Incident]:
    """What one round raises."""
    await world.watch()
    found = await Check(world.store, world.deps).run()
    raised = found["raised"]
    assert isinstance(raised, list)
    return [await world.store.incident(str(one)) for one in raised]


async def problems(world: World) -> object:
    """What one round could not see."""
    return (await Check(world.store, world.deps).run())["problems"]


async def test_all_well_raises_nothing(world: World) -> None:
    """A quiet round looks at everybody and says so."""
    await world.watch()
    found = await Check(world.store, world.deps).run()

    assert found == {"raised": [], "looked_at": 1, "problems": {}}


async def test_a_crash_is_raised_once(world: World) -> None:
    """However many rounds see it, it is one incident; its alert names exactly one container."""
    world.containers.crash("web", code=3)
    (incident,) = await check(world)
    world.clock.advance(300)
    labels = incident.alert.labels

    assert await check(world) == []
    assert (labels["alertname"], labels["container_id"]) == ("ContainerDown", target("web").id)
    assert (labels["name"], labels["docker_host"]) == ("web", "local")
    assert incident.alert.source == "check"
    assert incident.alert.summary == "web: exited by itself with code 3"


async def test_what_ended_without_success_is_not_raised_again(world: World) -> None:
    """The same fault, escalated: a person knows."""
    world.containers.crash("web")
    (incident,) = await check(world)
    await world.store.finish(incident.id, "escalated", "no safe remedy", None)
    world.clock.advance(300)

    assert await check(world) == []


async def test_the_next_crash_is_raised_anew(world: World) -> None:
    """It ran in between, and fell again: another incident."""
    world.containers.crash("web")
    (first,) = await check(world)
    await world.store.finish(first.id, "resolved", "", None)
    world.clock.advance(300)
    world.containers.change("web", status="running", started_at=world.clock.now())
    world.clock.advance(300)
    world.containers.crash("web")
    (second,) = await check(world)

    assert second.id != first.id
    assert second.alert.starts_at == world.clock.now()


async def test_an_out_of_memory_death_is_raised(world: World) -> None:
    """Killed at its limit is nobody's wish."""
    world.containers.oom("web")
    (incident,) = await check(world)

    assert "memory limit" in incident.alert.summary


@pytest.mark.parametrize("how", ["stop", "kill", "pause"])
async def test_what_a_person_did_stays_so(world: World, how: str) -> None:
    """Somebody's decision is not a fault."""
    getattr(world.containers, how)("web")

    assert await check(world) == []


@pytest.mark.parametrize("code", [0, 137, 143])
async def test_an_exit_that_nothing_explains_is_left_alone(world: World, code: int) -> None:
    """Without an event it may have been somebody; an alert rule may still ask."""
    world.containers.change("web", status="exited", exit_code=code, finished_at=T0)

    assert await check(world) == []


async def test_a_job_that_ended_well_is_not_down(world: World) -> None:
    """One-shot, exit 0: finished."""
    world.containers.add(container("job", restart_policy="no"))
    world.containers.crash("job", code=0)

    assert await check(world) == []


async def test_a_job_that_failed_is_raised(world: World) -> None:
    """One-shot, exit 1: that is not what it was meant to do."""
    world.containers.add(container("job", restart_policy="no"))
    world.containers.crash("job", code=1)

    assert [one.alert.labels["name"] for one in await check(world)] == ["job"]


async def test_outside_the_scope_nothing_is_looked_at(world: World) -> None:
    """Neither without the scope's labels nor on the list of the excluded."""
    world.containers.add(container("alien", labels={}), container("mine"))
    world.limit(excluded=["mine"])
    for name in ("alien", "mine"):
        world.containers.crash(name)

    assert await check(world) == []


async def test_unhealthy_is_raised_once_a_start(world: World) -> None:
    """A failing health check is a fault of this run of the container."""
    world.containers.change("web", health="unhealthy")
    (incident,) = await check(world)
    again = await check(world)
    await world.store.finish(incident.id, "resolved", "", None)
    world.clock.advance(600)
    world.containers.change("web", started_at=world.clock.now())
    (later,) = await check(world)

    assert again == []
    assert incident.alert.name == later.alert.name == "ContainerUnhealthy"
    assert incident.id != later.id


async def test_what_is_under_way_is_not_raised_beside(world: World) -> None:
    """An alert from outside about the same container is at work on it."""
    world.containers.change("web", health="unhealthy")
    other = await world.accept(firing("HighErrorRate", name="web"))
    await world.store.update(other, target=target("web"))

    assert await check(world) == []


async def test_what_somebody_holds_is_not_raised(world: World) -> None:
    """A container that an incident is acting on may be down for a moment."""
    other = await world.accept(firing(name="db"))
    await world.store.claim(other, [target("web").key])
    world.containers.crash("web")

    assert await check(world) == []


def metrics_of(world: World) -> FakeMetrics:
    """The world's Prometheus."""
    assert world.metrics
    return world.metrics


def down(*instances: str) -> Answer:
    """Prometheus cannot scrape these."""
    labels = [{"job": "node", "instance": one, "rack": "7"} for one in instances]
    samples = [Sample(labels=one, value=0.0, at=T0) for one in labels]
    return Answer(query=DOWN_TARGETS, samples=samples)


async def test_a_target_that_cannot_be_scraped_is_raised_once_a_day(world: World) -> None:
    """Each by itself, with what names it."""
    metrics_of(world).answers[DOWN_TARGETS] = down("nas:9100", "pve:9100")
    one, two = await check(world)
    again = await check(world)
    world.clock.advance(24 * 3600)

    assert (one.alert.name, two.alert.labels["instance"]) == ("TargetDown", "pve:9100")
    assert set(one.alert.labels) == {"alertname", "severity", "job", "instance"}
    assert again == []
    assert len(await check(world)) == 2


async def test_prometheus_down_is_a_problem_named(world: World) -> None:
    """The containers are looked at all the same."""
    metrics_of(world).error = Transient("Prometheus cannot be reached")
    world.containers.crash("web")
    await world.watch()
    found = await Check(world.store, world.deps).run()

    assert found["problems"] == {"prometheus": "Prometheus cannot be reached"}
    assert len(str(found["raised"])) > 30


async def test_a_host_out_of_reach_is_a_problem_named(world: World) -> None:
    """By its name, with the reason."""
    world.containers.unreachable["nas"] = "no answer in 6 s"

    assert await problems(world) == {"nas": "no answer in 6 s"}


async def test_without_prometheus_nothing_is_missing(world: World) -> None:
    """It is optional."""
    world.metrics = None
    world.containers.crash("web")

    assert len(await check(world)) == 1


async def healed_blind(world: World, alert: Alert, *, recheck: bool = True) -> Incident:
    """An incident that ended resolved, although the alert's expression could not be read."""
    incident = await world.accept(alert)
    verdict = Verdict(state="healed", reason="", blind=["expression"], recheck=recheck)
    await world.store.update(incident, target=target("web"), verdict=verdict)
    await world.store.finish(incident, "resolved", "", None)
    return await world.store.incident(incident)


def expression(world: World, state: str) -> None:
    """What the alert's expression says from now on."""
    values = {"state": state, "query": "up == 0", "detail": "", "range_s": 0.0}
    metrics_of(world).found = Expression.model_validate(values)


async def test_a_second_look_reopens_what_still_fires(world: World) -> None:
    """Occurrence 2 of the same alert, once: nobody trusts a blind verdict for ever."""
    first = await healed_blind(world, firing("HighErrorRate", name="web"))
    expression(world, "firing")
    (second,) = await check(world)

    assert (second.occurrence, second.alert) == (2, first.alert)
    assert await check(world) == []


@pytest.mark.parametrize("state", ["clear", "blind"])
async def test_a_second_look_that_sees_nothing_raises_nothing(world: World, state: str) -> None:
    """Only a firing expression is a reason."""
    await healed_blind(world, firing("HighErrorRate", name="web"))
    expression(world, state)

    assert await check(world) == []


async def test_who_was_seen_healed_is_not_looked_at_again(world: World) -> None:
    """A verdict without a doubt stands."""
    await healed_blind(world, firing("HighErrorRate", name="web"), recheck=False)
    expression(world, "firing")

    assert await check(world) == []


async def test_second_looks_end_after_a_while(world: World) -> None:
    """Later it is Alertmanager's business."""
    await healed_blind(world, firing("HighErrorRate", name="web"))
    expression(world, "firing")
    world.clock.advance((AGAIN_WITHIN + timedelta(seconds=1)).total_seconds())

    assert await check(world) == []


async def test_the_second_looks_answer_counts_for_the_newest(world: World) -> None:
    """Reopened by Alertmanager and healed meanwhile: the first is not looked at any more."""
    alert = firing("HighErrorRate", name="web")
    await healed_blind(world, alert)
    await healed_blind(world, alert, recheck=False)
    expression(world, "firing")

    assert await check(world) == []


async def test_a_blind_prometheus_ends_the_second_looks(world: World) -> None:
    """The reason is named; nothing is raised on it."""
    await healed_blind(world, firing("HighErrorRate", name="web"))
    metrics_of(world).error = Transient("Prometheus did not answer within 5 s")

    assert await problems(world) == {"prometheus": "Prometheus did not answer within 5 s"}
