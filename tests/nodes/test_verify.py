from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from langgraph.runtime import RunControl

from domain.errors import Transient
from domain.facts import ContainerFacts, Inventory
from domain.metrics import Expression, Probe
from domain.state import IncidentState
from domain.target import Target
from domain.verdict import Verdict
from nightshift.testing import FixedRulebook, World, container, dies, firing, match, stays_unhealthy
from nodes.analyse import analyse
from nodes.heal import heal
from nodes.monitor import monitor
from nodes.notify import notify
from nodes.verify import verify
from tests.nodes.steps import Begin, Run, last_attempt, verified


def verdict(state: IncidentState) -> Verdict:
    """The verdict in the state."""
    return Verdict.parse(state["verdict"] or {})


def probe(world: World, state: Any, *, ago_s: float = 0) -> None:
    """What the outside check says, and how old its sample is."""
    at = world.clock.now() - timedelta(seconds=ago_s)
    assert world.metrics
    world.metrics.probes["web"] = Probe(state=state, query="probe_success", detail="x", at=at)


def expression(world: World, state: Any, *, range_s: float = 0) -> None:
    """What the alert's own expression says."""
    assert world.metrics
    found = Expression(state=state, query="up == 0", detail=state, range_s=range_s)
    world.metrics.found = found


def wake_in(world: World, state: IncidentState) -> float:
    """Seconds until the next look."""
    wake = datetime.fromisoformat(str(state["wake_at"]))
    return (wake - world.clock.now()).total_seconds()


async def test_healed_when_it_holds(world: World, crashed: IncidentState, run: Run) -> None:
    """Running and healthy for the stable time: healed, and on record."""
    state = await run(crashed, heal, verify)
    incident = await world.store.incident(state["incident"])

    assert verdict(state).state == "healed"
    assert last_attempt(state).verdict == "healed"
    assert incident.verdict == verdict(state)
    assert sum(world.clock.slept) >= world.limits.stable_for_s


async def test_a_fresh_start_is_not_yet_healed(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """Before the stable time is over nothing is concluded."""
    world.limit(verify_hold_s=1.0)
    state = await run(crashed, heal, verify)

    assert verdict(state).state == "pending"


async def test_the_first_look_is_one_that_could_prove_something(
    world: World, crashed: IncidentState, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right after the act nothing has held for any time yet: that look is spared."""
    state = await run(crashed, heal)
    seen, inspect = list[float](), world.containers.facts

    async def facts(target: Target) -> ContainerFacts:
        since = world.clock.now() - last_attempt(state).finished_at
        seen.append(since.total_seconds())
        return await inspect(target)

    monkeypatch.setattr(world.containers, "facts", facts)
    assert verdict(await run(state, verify)).state == "healed"
    assert seen[0] == world.limits.verify_poll_s


async def test_patience_reckons_with_the_health_check(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """One that runs every minute gives no verdict before; nobody inspects it for that again."""
    world.containers.change("web", health_every_s=60.0)
    world.limit(verify_hold_s=0.5)
    state = await run(crashed, monitor, analyse, heal, verify)

    patience = timedelta(seconds=world.limits.verify_for_s + 60.0)
    assert state["deadline"] == (last_attempt(state).finished_at + patience).isoformat()


async def test_fell_again_ends_at_once(world: World, crashed: IncidentState, run: Run) -> None:
    """Down once more after our start: not healed, without waiting for the deadline."""
    world.containers.fate("web", dies)
    state = await run(crashed, heal)
    world.clock.advance(1)
    state = await run(state, verify)

    assert verdict(state).state == "not_healed"
    assert verdict(state).reason.startswith("fell again")
    assert world.clock.slept == []


async def test_not_healed_looks_anew(world: World, crashed: IncidentState, run: Run) -> None:
    """With budget left the next analysis gets a new round of evidence."""
    world.containers.fate("web", stays_unhealthy)
    state = await run(crashed, heal, verified)

    assert verdict(state).state == "not_healed"
    assert state["round"] == 2
    assert "container@2" in state["evidence"]
    assert not state.get("outcome")


@pytest.fixture
def mends(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`web` changes so when the next round of evidence begins, right after its verdict."""

    def when_listed(**changes: Any) -> None:
        listed = world.containers.inventory

        async def inventory() -> Inventory:
            world.containers.change("web", **changes)
            return await listed()

        monkeypatch.setattr(world.containers, "inventory", inventory)

    return when_listed


async def test_what_came_up_late_is_healed(
    world: World, crashed: IncidentState, run: Run, mends: Callable[..., None]
) -> None:
    """Not healed in its time, well in the next round: looked at once more, and proved."""
    world.containers.fate("web", stays_unhealthy)
    state = await run(crashed, heal)
    mends(health="healthy")
    state = await run(state, verified, notify)

    assert (state["outcome"], last_attempt(state).verdict) == ("resolved", "healed")
    assert state["reason"].startswith("came up late: web is running")


async def test_what_came_up_late_is_watched_until_it_is_steady(
    world: World, crashed: IncidentState, run: Run, mends: Callable[..., None]
) -> None:
    """Its start proves nothing at first sight; a worker looks on, long as it was held before."""
    world.containers.fate("web", stays_unhealthy)
    state = await run(crashed, heal)
    end = last_attempt(state).finished_at + timedelta(seconds=world.limits.verify_for_s)
    mends(health="healthy", started_at=end - timedelta(seconds=1))
    state = await run(state, verified, notify)

    assert (state["outcome"], last_attempt(state).verdict) == ("resolved", "healed")


async def test_what_looks_well_and_is_not_proved_is_told_so(
    world: World, crashed: IncidentState, run: Run, mends: Callable[..., None]
) -> None:
    """No word of a runbook that does not fit, and no further remedy on what looks well."""
    world.containers.fate("web", stays_unhealthy)
    state = await run(crashed, heal)
    mends(health="healthy", started_at=None)
    state = await run(state, verified)

    assert state["outcome"] == "escalated"
    assert state["reason"].startswith("web looks well now, but that is not proved: ")
    assert last_attempt(state).verdict == "not_healed"


async def test_the_last_word_tells_what_verify_saw(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """Where analyse has nothing more to try, the failed verdict is still the reason."""
    world.containers.fate("web", stays_unhealthy)
    state = await run(crashed, heal, verified)
    world.rulebook.rules.clear()
    state = await run(state, analyse, notify)

    assert state["reason"].startswith("still broken after 1 attempt(s): web is running, unhealthy")
    assert state["reason"].endswith("no runbook explains what was observed")


async def test_a_long_wait_holds_no_worker(world: World, crashed: IncidentState, run: Run) -> None:
    """Pending comes back with the time to wake up and the deadline it keeps."""
    world.containers.fate("web", stays_unhealthy)
    state = await run(crashed, heal, verify)
    wake = datetime.fromisoformat(str(state["wake_at"]))
    again = await run(state, verify)

    assert verdict(state).state == "pending"
    assert wake - world.clock.now() <= timedelta(seconds=5)
    assert again["deadline"] == state["deadline"] or not again["wake_at"]


async def test_looks_lie_further_apart_with_time(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """A fifth of what has passed, so that a slow starter costs few looks; two seconds at most."""
    world.limit(verify_hold_s=60.0, verify_for_s=60.0)
    world.containers.fate("web", stays_unhealthy)
    await run(crashed, heal, verify)
    looks = world.clock.slept[1:]

    assert looks == sorted(looks)
    assert (looks[0], looks[-1]) == (world.limits.verify_poll_s, 2.0)
    assert len(looks) < 50


async def test_what_was_held_long_enough_is_looked_at_once(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """A wake-up is one look; the worker is free again."""
    world.limit(verify_for_s=60.0)
    world.containers.fate("web", stays_unhealthy)
    state = await run(crashed, heal, verify)
    world.clock.advance(5)
    world.clock.slept.clear()
    again = await run(state, verify)

    assert (verdict(again).state, world.clock.slept) == ("pending", [])


async def test_a_deadline_that_nobody_saw_is_moved(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """After a standstill it gets the time it did not have; one look could prove nothing."""
    world.limit(verify_for_s=60.0)
    world.containers.fate("web", stays_unhealthy)
    state = await run(crashed, heal, verify)
    world.clock.put(3600)
    world.clock.after(6, lambda: world.containers.change("web", health="healthy"))
    again = await run(state, verify)

    assert (verdict(state).state, verdict(again).state) == ("pending", "healed")


async def test_a_moved_deadline_is_kept(world: World, crashed: IncidentState, run: Run) -> None:
    """Also where this process is told to end, and the next one looks."""
    world.limit(verify_for_s=60.0)
    world.containers.fate("web", stays_unhealthy)
    state = await run(crashed, heal, verify)
    world.clock.put(3600)
    control = RunControl()
    control.request_drain("this process is shutting down")
    runtime = replace(world.runtime(state["incident"]), control=control)
    news: Any = await verify(state, runtime)
    deadline = datetime.fromisoformat(news["deadline"])

    assert news["verdict"]["state"] == "pending"
    assert deadline == world.clock.now() + timedelta(seconds=world.limits.verify_hold_s)


async def test_a_starting_container_is_not_looked_at_without_a_pause(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """Beyond the deadline the next look is as far away as before it."""
    world.containers.fate("web", lambda facts: facts.model_copy(update={"health": "starting"}))
    state = await run(crashed, heal, verify)
    for _ in range(9):
        world.clock.advance(max(0.0, wake_in(world, state)))
        state = await run(state, verify)

    assert verdict(state).state == "pending"
    assert wake_in(world, state) == 5.0


async def test_ends_at_its_deadline(world: World, crashed: IncidentState, run: Run) -> None:
    """What stays bad is not healed once the time is over."""
    world.containers.fate("web", stays_unhealthy)
    state = await run(crashed, heal, verified)
    took = world.clock.now() - last_attempt(state).finished_at

    assert took.total_seconds() == pytest.approx(world.limits.verify_for_s, abs=6)


async def test_a_start_period_is_waited_for(world: World, crashed: IncidentState, run: Run) -> None:
    """A container that is still starting gets longer than the deadline."""
    world.containers.fate("web", lambda facts: facts.model_copy(update={"health": "starting"}))
    world.clock.after(60, lambda: world.containers.change("web", health="healthy"))
    state = await run(crashed, heal, verified)

    assert verdict(state).state == "healed"


async def test_the_budget_ends_it(world: World, crashed: IncidentState, run: Run) -> None:
    """After the last attempt it is escalated, with the proof that it is still broken."""
    world.limit(max_attempts=1)
    world.containers.fate("web", stays_unhealthy)
    state = await run(crashed, heal, verified)

    assert state["outcome"] == "escalated"
    assert "after 1 attempts" in state["reason"]


async def test_a_blind_runtime_is_unknown(world: World, crashed: IncidentState, run: Run) -> None:
    """Docker does not answer: unknown, whatever all others say."""
    state = await run(crashed, heal)
    world.containers.errors["facts"] = Transient("no route to docker")
    probe(world, "good", ago_s=-1)
    expression(world, "clear")
    state = await run(state, verified)

    assert verdict(state).state == "unknown"
    assert "no route to docker" in verdict(state).reason
    assert not state.get("outcome")


async def test_a_removed_container_is_unknown(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """What is not there any more was neither healed nor seen broken."""
    state = await run(crashed, heal)
    world.containers.remove("web")

    assert verdict(await run(state, verified)).state == "unknown"


async def test_an_old_probe_is_not_believed(world: World, crashed: IncidentState, run: Run) -> None:
    """A sample from before the act says nothing about its effect."""
    probe(world, "good", ago_s=1)
    state = await run(crashed, heal, verified)

    assert verdict(state).state == "unknown"
    assert "no outside probe since the act" in verdict(state).reason


async def test_a_new_probe_decides(world: World, crashed: IncidentState, run: Run) -> None:
    """Green inside and still unreachable: not healed."""
    probe(world, "bad", ago_s=-1)
    state = await run(crashed, heal, verified)

    assert verdict(state).state == "not_healed"


async def test_a_silent_prometheus_is_unknown(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """A probe that cannot be asked leaves it unknown."""
    state = await run(crashed, heal)
    assert world.metrics
    world.metrics.error = Transient("timed out")

    assert verdict(await run(state, verified)).state == "unknown"


async def test_without_prometheus_the_health_check_is_the_probe(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """Docker's own check proves it where nobody probes from outside."""
    world.metrics = None
    state = await run(crashed, heal, verify)

    assert verdict(state).state == "healed"
    assert verdict(state).blind == ["expression"]


@pytest.mark.parametrize(("range_s", "state"), [(0.0, "not_healed"), (900.0, "healed")])
async def test_the_expression_vetoes_only_about_now(
    world: World, crashed: IncidentState, run: Run, range_s: float, state: str
) -> None:
    """It counts once its whole range lies after the act; until then it is blind."""
    expression(world, "firing", range_s=range_s)
    ended = await run(crashed, heal, verified)

    assert verdict(ended).state == state


async def test_everything_touched_must_be_well(world: World, begin: Begin, run: Run) -> None:
    """A dependency that was started and is down again fails the verdict."""
    world.rulebook = FixedRulebook(match("start_dependency", cause="dependency_down"))
    world.containers.crash("db")
    world.containers.crash("web")
    world.containers.fate("db", dies)
    state = await run(await begin(), monitor, analyse, heal)
    world.clock.advance(1)
    state = await run(state, verify)

    assert verdict(state).reason == "fell again: db is exited with code 1"


async def test_a_network_that_is_still_cut_is_not_healed(
    world: World, begin: Begin, run: Run
) -> None:
    """Green inside, still off its network: not healed."""
    world.rulebook = FixedRulebook(match("restart", cause="hung"))
    world.containers.cut("web", "shop_default")
    world.limit(mode="auto")
    state = await run(await begin(), monitor, analyse)
    state = await run({**state, "decision": None}, heal_anyway, verified)

    assert verdict(state).state == "not_healed"
    assert "still cut off shop_default" in verdict(state).reason


async def heal_anyway(state: IncidentState, runtime: Any) -> IncidentState:
    """An attempt on record, as if the restart had been approved and done."""
    now = runtime.context.clock.now()
    done = {
        "number": 1, "remedy": "restart", "target": state["target"], "result": "done",
        "detail": "", "started_at": now.isoformat(), "finished_at": now.isoformat(),
    }  # fmt: skip
    return {"attempts": [done]}


async def test_refused_and_recovered_is_self_resolved(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """The world changed for the better before we acted."""
    world.containers.add(container("web", health="healthy"))
    state = await run(crashed, heal, verify)

    assert last_attempt(state).result == "refused"
    assert state["outcome"] == "self_resolved"


async def test_refused_by_a_change_analyses_anew(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """Still broken, but different: another round."""
    world.containers.change("web", image_id="sha256:new")
    state = await run(crashed, heal, verify)

    assert verdict(state).state == "not_healed"
    assert state["round"] == 2


async def test_refused_by_policy_escalates(world: World, crashed: IncidentState, run: Run) -> None:
    """A general no at the last moment is the end."""
    await world.store.pause("holiday", by="me")
    state = await run(crashed, heal, verify)

    assert state["outcome"] == "escalated"
    assert "holiday" in state["reason"]


async def test_refused_and_gone_escalates(world: World, crashed: IncidentState, run: Run) -> None:
    """Removed before we acted: people are told."""
    world.containers.remove("web")
    state = await run(crashed, heal, verify)

    assert state["outcome"] == "escalated"
    assert state["reason"] == "web is gone"


async def test_unknown_and_still_broken_escalates(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """Nobody can tell whether the act took place: no further act on top of it."""
    world.containers.trouble(Transient("no answer"))
    state = await run(crashed, heal, verified)

    assert last_attempt(state).result == "unknown"
    assert state["outcome"] == "escalated"
    assert "cannot tell whether start took place" in state["reason"]


async def test_what_never_broke_in_the_runtime_needs_an_outside_proof(
    world: World, begin: Begin, run: Run
) -> None:
    """A fault that only the alert saw is not healed by a green runtime alone."""
    world.rulebook = FixedRulebook(match("restart", cause="slow"))
    world.containers.change("web", health="none")
    expression(world, "firing")
    state = await run(await begin(firing("Slow", name="web")), monitor, analyse, heal)
    expression(world, "blind")

    assert verdict(await run(state, verified)).state == "unknown"
