from datetime import timedelta

import pytest

from domain.errors import Transient
from domain.facts import LogTail
from domain.metrics import Expression, Probe
from domain.target import Target
from nightshift.testing import World, container, firing
from nodes.monitor import monitor
from tests.nodes.steps import Begin, Run, Words


async def test_finds_and_claims(world: World, begin: Begin, run: Run) -> None:
    """A broken container that the labels name is the target, and this incident's own."""
    world.containers.crash("web")
    state = await run(await begin(), monitor)

    assert state["target"] == world.containers["web"].target.plain()
    assert state["fence"] >= 1
    assert await world.store.holder("container:local/web") == state["incident"]
    assert not state.get("outcome")


async def test_not_located_names_what_was_tried(
    world: World, begin: Begin, run: Run, told: Words
) -> None:
    """Without a target nothing is claimed, and people learn which labels led nowhere."""
    state = await run(await begin(firing(name="gone")), monitor)

    assert state["target"] is None
    assert "name=gone" in state["reason"]
    assert await told(state, "evidence") == [state["reason"]]
    assert not state.get("outcome")


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({}, "3 alerts were left out"),
        (
            {"name": "gone"},
            "3 alerts were left out; no container answers to the alert's labels (name=gone)",
        ),
    ],
)
async def test_what_we_raised_ourselves_says_what_is_wrong(
    world: World, begin: Begin, run: Run, labels: dict[str, str], told: str
) -> None:
    """An alert about lost alerts is about no container; people read what happened, not that."""
    own = {"labels": {"alertname": "NightshiftAlertsLost", **labels}, "source": "check"}
    alert = firing().model_copy(
        update={**own, "annotations": {"summary": "3 alerts were left out"}}
    )
    state = await run(await begin(alert), monitor)

    assert (state["target"], state["reason"]) == (None, told)


async def test_two_candidates_are_named(world: World, begin: Begin, run: Run) -> None:
    """Two hosts with the name: both are told, neither is taken."""
    world.containers.add(container("web", host="two"))
    state = await run(await begin(), monitor)

    assert state["target"] is None
    assert "container:local/web, container:two/web" in state["reason"]


async def test_a_host_out_of_reach_is_named(world: World, begin: Begin, run: Run) -> None:
    """A container on a host that does not answer is not found, and the reason says so."""
    world.containers.unreachable["local"] = "no route"
    state = await run(await begin(), monitor)

    assert "Docker out of reach on local: no route" in state["reason"]


async def test_recovered_by_itself_ends(world: World, begin: Begin, run: Run) -> None:
    """What runs, is healthy and is contradicted by nothing is left alone and not claimed."""
    state = await run(await begin(), monitor)

    assert state["outcome"] == "self_resolved"
    assert await world.store.holder("container:local/web") is None


async def test_a_failing_probe_is_believed(world: World, begin: Begin, run: Run) -> None:
    """Green inside and unreachable from outside is broken."""
    assert world.metrics
    world.metrics.probes["web"] = Probe(state="bad", query="probe_success", detail="refused")

    assert not (await run(await begin(), monitor)).get("outcome")


async def test_a_firing_expression_is_believed(world: World, begin: Begin, run: Run) -> None:
    """An expression that our own Prometheus still sees fire is broken."""
    assert world.metrics
    world.metrics.found = Expression(state="firing", query="up == 0", detail="fires")

    assert not (await run(await begin(), monitor)).get("outcome")


async def test_our_own_ledger_may_not_be_silent(
    world: World, begin: Begin, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What we ourselves know is no evidence to do without: the node fails and looks again."""

    async def silent(_: str) -> None:
        raise Transient("the store did not do it: connection refused")

    world.containers.crash("web")
    state = await begin()
    monkeypatch.setattr(world.store, "stop_story", silent)
    with pytest.raises(Transient, match="did not tell"):
        await run(state, monitor)


async def test_a_second_alert_folds_into_the_holder(world: World, begin: Begin, run: Run) -> None:
    """Another alert for a target in hand waits for the incident that holds it."""
    world.containers.crash("web")
    first = await run(await begin(), monitor)
    second = await run(await begin(firing("HighErrorRate", name="web")), monitor)

    assert second["parent"] == first["incident"]
    assert second["wake_at"]
    assert not second.get("outcome")
    assert (await world.store.incident(second["incident"])).parent == first["incident"]


async def test_a_victim_folds_into_its_dependency(world: World, begin: Begin, run: Run) -> None:
    """With the database in another incident's hands, the website waits for that one."""
    world.containers.crash("db")
    world.containers.change("web", health="unhealthy")
    below = await run(await begin(firing(name="db")), monitor)
    victim = await run(await begin(), monitor)

    assert victim["parent"] == below["incident"]
    assert await world.store.holder("container:local/web") is None


async def test_a_well_dependency_is_no_reason(world: World, begin: Begin, run: Run) -> None:
    """An incident on a dependency that is well again holds nobody back."""
    world.containers.crash("db")
    await run(await begin(firing(name="db")), monitor)
    world.containers.add(container("db"))
    world.containers.crash("web")
    state = await run(await begin(), monitor)

    assert state["parent"] is None
    assert state["fence"]


async def test_folded_waits_while_its_parent_works(world: World, begin: Begin, run: Run) -> None:
    """As long as the parent is not done nothing is looked at again, only later."""
    world.containers.crash("web")
    await run(await begin(), monitor)
    child = await run(await begin(firing("Slow", name="web")), monitor)
    world.clock.advance(120)
    again = await run(child, monitor)

    assert again.get("round") == child.get("round")
    assert str(again["wake_at"]) > str(child["wake_at"])


async def test_folded_and_well_is_done(world: World, begin: Begin, run: Run) -> None:
    """After its parent's end, a child whose own check passes is folded for good."""
    world.containers.crash("web")
    parent = await run(await begin(), monitor)
    child = await run(await begin(firing("Slow", name="web")), monitor)
    await world.store.finish(parent["incident"], "resolved", "healed", None)
    world.containers.add(container("web"))

    assert (await run(child, monitor))["outcome"] == "folded"


async def test_folded_and_broken_stands_alone(world: World, begin: Begin, run: Run) -> None:
    """After its parent's end, a child that is still broken goes on by itself."""
    world.containers.crash("web")
    parent = await run(await begin(), monitor)
    child = await run(await begin(firing("Slow", name="web")), monitor)
    await world.store.finish(parent["incident"], "resolved", "healed", None)
    again = await run(child, monitor)

    assert again["parent"] is None
    assert again["wake_at"] is None
    assert await world.store.holder("container:local/web") == child["incident"]


async def test_folded_into_what_people_know_is_done(world: World, begin: Begin, run: Run) -> None:
    """Its parent ended with people and nothing changed since: they are not told once more."""
    world.containers.crash("web")
    parent = await run(await begin(), monitor)
    child = await run(await begin(firing("Slow", name="web")), monitor)
    world.clock.advance(5)
    await world.store.finish(parent["incident"], "escalated", "gave up", None)
    again = await run(child, monitor)

    assert again["outcome"] == "folded"
    assert parent["incident"] in again["reason"]


async def test_told_while_it_looked(world: World, begin: Begin, run: Run) -> None:
    """Another incident ended with people while this one gathered evidence: it is part of that."""
    world.containers.crash("web")
    first, second = await begin(), await begin(firing("Slow", name="web"))
    read = world.containers.logs

    async def late(target: Target, *, lines: int) -> LogTail:
        world.containers.logs = read  # type: ignore[method-assign]  # held up once
        await run(first, monitor)
        world.clock.advance(5)
        await world.store.finish(first["incident"], "escalated", "gave up", None)
        return await read(target, lines=lines)

    world.containers.logs = late  # type: ignore[method-assign]  # something happens meanwhile
    again = await run(second, monitor)

    assert again["outcome"] == "folded"
    assert first["incident"] in again["reason"]


@pytest.mark.parametrize("first", ["db", "web"])
async def test_a_root_and_its_victim_that_look_together(
    world: World, begin: Begin, run: Run, first: str
) -> None:
    """Neither saw the other before it looked: whoever claims first is the one investigation."""
    world.containers.crash("db")
    world.containers.change("web", health="unhealthy")
    alerts = {name: await begin(firing(name=name)) for name in ("db", "web")}
    early, late = alerts[first], next(one for name, one in alerts.items() if name != first)
    read = world.containers.logs

    async def held_up(target: Target, *, lines: int) -> LogTail:
        world.containers.logs = read  # type: ignore[method-assign]  # held up once
        await run(early, monitor)
        return await read(target, lines=lines)

    world.containers.logs = held_up  # type: ignore[method-assign]  # something happens meanwhile
    again = await run(late, monitor)

    assert again["parent"] == early["incident"]
    assert not again.get("fence")


async def test_a_victim_that_waits_for_a_person_does_not_hold_up_its_root(
    world: World, begin: Begin, run: Run
) -> None:
    """Somebody was asked about the victim; what it suffers from is looked into all the same."""
    world.containers.crash("db")
    world.containers.change("web", health="unhealthy")
    victim = await run(await begin(), monitor)
    until = world.clock.now() + timedelta(hours=1)
    await world.store.ask(victim["incident"], digest="d1", request={}, expires_at=until)

    assert (await run(await begin(firing(name="db")), monitor))["fence"]


async def test_broken_anew_after_people_were_told(world: World, begin: Begin, run: Run) -> None:
    """It was started and died again since: that is news, and looked into."""
    world.containers.crash("web")
    parent = await run(await begin(), monitor)
    child = await run(await begin(firing("Slow", name="web")), monitor)
    await world.store.finish(parent["incident"], "escalated", "gave up", None)
    world.clock.advance(5)
    world.containers.crash("web")
    again = await run(child, monitor)

    assert again["parent"] is None
    assert again["fence"]


async def test_looking_again_is_another_round(world: World, begin: Begin, run: Run) -> None:
    """Evidence ids tell the rounds apart; the older ones are kept."""
    world.containers.crash("web")
    state = await run(await begin(), monitor, monitor)

    assert state["round"] == 2
    assert {"container@1", "container@2"} <= set(state["evidence"])
