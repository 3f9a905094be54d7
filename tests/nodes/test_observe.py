from datetime import timedelta

import pytest

from domain.errors import Permanent, Transient
from domain.evidence import situation
from domain.metrics import Answer, Sample
from domain.state import IncidentState
from nightshift.testing import T0, World, container, firing
from nodes import observe_stop
from nodes.monitor import monitor
from tests.nodes.steps import Begin, Run, Words


async def seen(world: World, state: IncidentState) -> dict[str, str]:
    """The status of each kind of evidence in the state."""
    found = await world.store.evidence(state["incident"], state["evidence"])
    return {one.kind: one.status for one in found}


async def test_every_source_is_asked(world: World, begin: Begin, run: Run) -> None:
    """One observation of every kind that applies to a container that is down."""
    world.containers.crash("web")
    statuses = await seen(world, await run(await begin(), monitor))

    assert statuses == {
        "alert": "ok", "scene": "ok", "inventory": "ok", "container": "ok", "stop": "ok",
        "events": "ok", "attempts": "ok", "logs": "ok", "dependencies": "ok", "dependents": "ok",
        "stops": "ok", "probe": "no_data", "expression": "ok", "volumes": "no_data",
        "http": "no_data", "host": "no_data",
    }  # fmt: skip


async def test_a_running_one_is_measured(world: World, begin: Begin, run: Run) -> None:
    """Usage and its trend are read of what runs; samples before its start do not count."""
    born = T0 - timedelta(minutes=1)
    world.containers.change("web", health="unhealthy", started_at=born)
    query = 'container_memory_working_set_bytes{name="web"}'
    samples = [
        Sample(labels={}, value=float(at), at=T0 - timedelta(seconds=at)) for at in (200, 50, 40)
    ]
    assert world.metrics
    world.metrics.answers[query] = Answer(query=query, samples=samples)
    state = await run(await begin(), monitor)
    found = situation(await world.store.evidence(state["incident"], state["evidence"]))

    assert found["memory_trend"]["slope_bytes_per_s"] == -2.0


@pytest.mark.parametrize("silent", ["logs", "stats"])
async def test_a_silent_source_becomes_evidence(
    world: World, begin: Begin, run: Run, silent: str
) -> None:
    """A source that does not answer in time is noted as blind; the others are kept."""
    world.containers.change("web", health="unhealthy")
    world.containers.silent.add(silent)
    world.limit(evidence_deadline_s=0.2)
    statuses = await seen(world, await run(await begin(), monitor))

    assert statuses[silent] == "error"
    assert statuses["container"] == "ok"


async def test_a_broken_prometheus_becomes_evidence(
    world: World, begin: Begin, run: Run, told: Words
) -> None:
    """Errors are observations too, with their words."""
    world.containers.crash("web")
    assert world.metrics
    world.metrics.error = Transient("connection refused")
    state = await run(await begin(), monitor)
    statuses = await seen(world, state)

    assert {statuses[kind] for kind in ("probe", "expression", "volumes")} == {"error"}
    assert "connection refused" in (await told(state, "evidence"))[0]


async def test_without_prometheus_all_else_works(world: World, begin: Begin, run: Run) -> None:
    """No PROMETHEUS_URL: its kinds are blind, the rest decides."""
    world.containers.crash("web")
    world.metrics = None
    statuses = await seen(world, await run(await begin(), monitor))

    assert statuses["probe"] == "error"
    assert statuses["stop"] == "ok"


@pytest.mark.parametrize(
    ("fault", "by"), [("crash", "crash"), ("oom", "oom"), ("stop", "person"), ("kill", "person")]
)
async def test_who_did_it_is_evidence(
    world: World, begin: Begin, run: Run, fault: str, by: str
) -> None:
    """The events that the subscription kept tell a crash from somebody's stop."""
    getattr(world.containers, fault)("web")
    state = await run(await begin(), monitor)
    found = situation(await world.store.evidence(state["incident"], state["evidence"]))

    assert found["stop"]["by"] == by


async def test_a_death_not_heard_of_is_waited_for(world: World, begin: Begin, run: Run) -> None:
    """The event of a death may be on its way: two seconds of patience, then no guess."""
    state = await begin()
    world.containers.stop("web")
    world.containers.story.clear()  # Docker has forgotten it too
    state = await run(state, monitor)
    found = situation(await world.store.evidence(state["incident"], state["evidence"]))

    assert found["stop"]["by"] == "unexplained"
    assert sum(world.clock.slept) == pytest.approx(2.0)


@pytest.mark.parametrize(("fault", "by"), [("crash", "crash"), ("stop", "person")])
async def test_docker_is_asked_for_a_death_that_nobody_heard_of(
    world: World, begin: Begin, run: Run, fault: str, by: str
) -> None:
    """Nobody follows the stream now, as after a worker's end: what Docker still knows counts."""
    state = await begin()
    getattr(world.containers, fault)("web")
    state = await run(state, monitor)
    found = situation(await world.store.evidence(state["incident"], state["evidence"]))

    assert found["stop"]["by"] == by


async def test_a_docker_that_tells_no_events_leaves_a_death_unexplained(
    world: World, begin: Begin, run: Run
) -> None:
    """A proxy before its socket may forbid them: a person is asked, as before."""
    state = await begin()
    world.containers.crash("web")
    world.containers.errors["remembered"] = Permanent("403 Forbidden")
    state = await run(state, monitor)
    found = situation(await world.store.evidence(state["incident"], state["evidence"]))

    assert found["stop"]["by"] == "unexplained"


async def test_a_docker_that_is_mute_about_the_past_holds_nothing_up(
    world: World, begin: Begin, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for a bounded time, within that of the look: then a person is."""
    looks = observe_stop.STREAM_LOOKS * observe_stop.STREAM_LOOK_S
    assert looks + observe_stop.REMEMBERING_S < world.limits.evidence_deadline_s
    monkeypatch.setattr(observe_stop, "REMEMBERING_S", 0.05)
    state = await begin()
    world.containers.crash("web")
    world.containers.silent.add("remembered")
    state = await run(state, monitor)
    found = situation(await world.store.evidence(state["incident"], state["evidence"]))

    assert found["stop"]["by"] == "unexplained"


async def test_a_death_heard_of_costs_no_time(world: World, begin: Begin, run: Run) -> None:
    """With the event at hand nobody waits."""
    world.containers.crash("web")
    await run(await begin(), monitor)

    assert world.clock.slept == []


async def test_full_disks_are_seen(world: World, begin: Begin, run: Run) -> None:
    """The free share of the file systems that carry its mounts, by mount point."""
    world.containers.crash("web")
    assert world.metrics
    samples = [
        Sample(labels={"mountpoint": point}, value=free, at=T0)
        for point, free in (("/", 0.4), ("/srv", 0.01))
    ]
    world.metrics.free["web"] = Answer(query="free", samples=samples)
    state = await run(await begin(), monitor)
    found = situation(await world.store.evidence(state["incident"], state["evidence"]))

    assert found["volumes"] == {"lowest_free": 0.01, "full": ["/srv"]}


async def test_logs_are_bounded_and_read(world: World, begin: Begin, run: Run) -> None:
    """The log's tail names the dependency that the program missed."""
    world.containers.crash("web")
    world.containers.said["web"] = [*("tick" for _ in range(300)), "cannot reach db:5432"]
    state = await run(await begin(), monitor)
    found = situation(await world.store.evidence(state["incident"], state["evidence"]))

    assert found["logs"]["last"] == "cannot reach db:5432"
    assert found["logs"]["mentions"] == ["db"]


async def test_a_hostile_name_stays_inside_its_quotes(world: World, begin: Begin, run: Run) -> None:
    """A container's name cannot change the query that is made with it."""
    name = 'x"} or vector(1) #'
    world.containers.add(container(name, health="unhealthy"))
    state = await run(await begin(firing(name=name)), monitor)
    (trend,) = await world.store.evidence(state["incident"], ["memory_trend@1"])

    assert trend.query == 'container_memory_working_set_bytes{name="x\\"} or vector(1) #"}'
