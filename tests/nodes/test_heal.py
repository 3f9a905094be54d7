from datetime import timedelta
from typing import Any, Literal

import pytest

from domain.decision import Approval
from domain.errors import Permanent, Transient
from domain.journal import Entry, Intent, Standing
from domain.metrics import Probe
from domain.ports import Performed
from domain.remedy import Effect, Remedy
from domain.state import IncidentState
from nightshift.testing import FixedRulebook, World, container, firing, match, stays_unhealthy
from nodes.analyse import analyse
from nodes.approve import approve
from nodes.heal import PATIENCE, TURN, heal
from nodes.monitor import monitor
from nodes.verify import verify
from tests.nodes.steps import Begin, Run, Words, healed, last_attempt

LOST = Transient("no answer in 15 s")


class KilledError(BaseException):
    """The process ends here."""


def verbs(world: World) -> list[str]:
    """What was sent, as `verb name`."""
    return [f"{one.verb} {one.target.name}" for one in world.containers.performed]


async def journal(world: World, state: IncidentState) -> list[Entry]:
    """The first attempt's entries."""
    return await world.store.entries(state["incident"], 1)


async def standing(world: World, state: IncidentState) -> Standing:
    """What policy knows of the past of `web`."""
    incident, keys = state["incident"], ["container:local/web"]
    return await world.store.standing(incident, thread=incident, fence=state["fence"], keys=keys)


async def promised(world: World, state: IncidentState, run: Run) -> None:
    """Run heal up to its intent, after which the process ends; no call has gone out."""
    facts, looks = world.containers.facts, iter(range(9))

    async def dying(target: Any) -> Any:
        if next(looks) == 1:
            raise KilledError
        return await facts(target)

    world.containers.facts = dying  # type: ignore[method-assign]  # this process is the one that dies
    with pytest.raises(KilledError):
        await run(state, heal)
    world.containers.facts = facts  # type: ignore[method-assign]  # and this one lives


async def killed(world: World, state: IncidentState, run: Run, *, acted: bool) -> None:
    """Run heal up to its act, before or after which the process ends."""
    perform = world.containers.perform

    async def dying(effect: Any) -> Any:
        if acted:
            await perform(effect)
        raise KilledError

    world.containers.perform = dying  # type: ignore[method-assign]  # this process is the one that dies
    with pytest.raises(KilledError):
        await run(state, heal)
    world.containers.perform = perform  # type: ignore[method-assign]  # and this one lives


async def test_acts_once_and_journals(
    world: World, crashed: IncidentState, run: Run, told: Words
) -> None:
    """One intent, one effect, one result, and the attempt on record."""
    state = await run(crashed, heal)
    (entry,) = await journal(world, state)
    incident = await world.store.incident(state["incident"])

    assert verbs(world) == ["start web"]
    assert entry.result
    assert entry.result.result == "done"
    assert last_attempt(state).result == "done"
    assert incident.attempts == [last_attempt(state)]


async def test_the_intent_comes_first(world: World, crashed: IncidentState, run: Run) -> None:
    """When the call is made, the promise is already durable."""
    await killed(world, crashed, run, acted=False)
    (entry,) = await journal(world, crashed)

    assert (entry.called_at, entry.result) == (world.clock.now(), None)
    assert entry.intent.seen.status == "exited"
    assert entry.intent.thread == crashed["incident"]


async def test_after_a_crash_a_visible_effect_is_not_repeated(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """The process died after the act: the next one sees it and does nothing."""
    await killed(world, crashed, run, acted=True)
    state = await run(crashed, heal)
    (entry,) = await journal(world, state)

    assert verbs(world) == ["start web"]
    assert entry.result
    assert entry.result.settled
    assert last_attempt(state).result == "done"


@pytest.mark.parametrize("sent", [True, False])
async def test_after_a_crash_a_restart_is_done_once(
    world: World, begin: Begin, run: Run, sent: bool
) -> None:
    """A restart leaves the status as it was: only its start time tells that it took place."""
    world.rulebook = FixedRulebook(match("restart", cause="hung"))
    world.containers.change("web", health="unhealthy")
    world.containers.fate("web", stays_unhealthy)
    state = await run(await begin(), monitor, analyse)
    await (killed(world, state, run, acted=True) if sent else promised(world, state, run))
    state = await run(state, heal)

    assert verbs(world) == ["restart web"]
    assert last_attempt(state).result == "done"


async def test_after_a_crash_a_missing_effect_is_done_once(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """The process died before it called: the next one acts, and need not wait for anything."""
    await promised(world, crashed, run)
    state = await run(crashed, heal)

    assert verbs(world) == ["start web"]
    assert last_attempt(state).result == "done"
    assert world.clock.slept == []


@pytest.mark.parametrize(
    ("changes", "rule"),
    [({"mode": "observe"}, "mode"), ({"scope": {"other": "label"}}, "scope")],
)
async def test_after_a_crash_policy_is_asked_again(
    world: World, crashed: IncidentState, run: Run, changes: dict[str, Any], rule: str
) -> None:
    """What was promised under other settings is not done under these."""
    await promised(world, crashed, run)
    world.limit(**changes)
    state = await run(crashed, heal)

    assert world.containers.performed == []
    assert (last_attempt(state).result, (state["decision"] or {})["rule"]) == ("refused", rule)
    assert (await standing(world, state)).recent == []


async def test_after_a_crash_what_somebody_did_is_not_done_again(
    world: World, begin: Begin, run: Run
) -> None:
    """Restarted by hand, or by Docker, while nobody ran: no second one before it is looked at."""
    world.rulebook = FixedRulebook(match("restart", cause="hung"))
    world.containers.change("web", health="unhealthy")
    state = await run(await begin(), monitor, analyse)
    await promised(world, state, run)
    world.clock.advance(5)
    world.containers.change("web", health="starting", started_at=world.clock.now())
    state = await run(state, heal)

    assert verbs(world) == []
    assert last_attempt(state).result == "refused"
    assert "somebody else" in last_attempt(state).detail


async def test_a_promise_that_is_not_this_remedy_is_not_kept(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """The checkpoint is older than the journal, as after a restore: policy judged another one."""
    await promised(world, crashed, run)
    other = {**(crashed["remedy"] or {}), "effects": []}
    state = await run({**crashed, "remedy": other}, heal)

    assert verbs(world) == []
    assert (state["decision"] or {})["rule"] == "changed"


async def test_after_a_long_absence_the_world_is_looked_at_again(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """Nothing is done on hours-old evidence; what is broken still is analysed anew."""
    await promised(world, crashed, run)
    world.clock.advance(3 * 3600)
    state = await run(crashed, heal)
    refused, done = last_attempt(state).result, list(world.containers.performed)
    state = await run(state, verify, analyse, heal)

    assert (refused, done) == ("refused", [])
    assert (verbs(world), last_attempt(state).result) == (["start web"], "done")


async def test_after_a_crash_what_was_called_is_looked_for_whatever_policy_says(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """It may have taken place: that is no longer policy's to refuse."""
    await killed(world, crashed, run, acted=True)
    world.limit(mode="observe")
    state = await run(crashed, heal)

    assert last_attempt(state).result == "done"


async def test_after_a_crash_a_call_that_may_still_come_is_not_made_again(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """The process died while it called, and Docker is slow beyond the settling time: unknown."""
    await killed(world, crashed, run, acted=False)
    state = await run(crashed, heal)

    assert verbs(world) == []
    assert last_attempt(state).result == "unknown"
    assert "not visible: the process ended" in last_attempt(state).detail


async def test_a_claim_lost_at_the_last_moment_may_not_act(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """A worker that slept between its promise and its call looks again before it calls."""
    parent, facts, looks = await begin_other(world), world.containers.facts, iter(range(9))

    async def sleeping(target: Any) -> Any:
        if next(looks) == 1:
            await world.store.fold(crashed["incident"], parent)
        return await facts(target)

    world.containers.facts = sleeping  # type: ignore[method-assign]  # time passes in between
    state = await run(crashed, heal)

    assert verbs(world) == []
    assert "claim" in last_attempt(state).detail


async def test_after_a_crash_a_concluded_effect_is_history(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """The process died after the result was written: it is read, not judged or done again."""
    await run(crashed, heal)
    await world.store.pause("later", by="me")
    state = await run(crashed, heal)

    assert verbs(world) == ["start web"]
    assert last_attempt(state).result == "done"
    assert world.clock.slept == []


@pytest.mark.parametrize("late_s", [0.0, 5.0, 20.0])
async def test_a_lost_answer_is_looked_for(
    world: World, crashed: IncidentState, run: Run, late_s: float
) -> None:
    """The call timed out and took place all the same: seen, and never sent again."""
    world.containers.trouble(LOST, late_s=late_s)
    state = await run(crashed, heal)

    assert verbs(world) == ["start web"]
    assert last_attempt(state).result == "done"
    assert "although" in last_attempt(state).detail


async def test_it_is_waited_for_from_the_call_on(
    world: World, crashed: IncidentState, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between promise and call may lie a wait for a turn, or another effect."""
    call = world.store.call

    async def later(intent: Intent) -> str:
        world.clock.advance(world.limits.settle_s - 1)
        return await call(intent)

    monkeypatch.setattr(world.store, "call", later)
    world.containers.trouble(LOST, late_s=world.limits.settle_s - 1)
    state = await run(crashed, heal)

    assert last_attempt(state).result == "done"


async def test_a_lost_call_is_unknown(world: World, crashed: IncidentState, run: Run) -> None:
    """The call timed out and nothing is to be seen: unknown, and never sent again."""
    world.containers.trouble(LOST)
    state = await run(crashed, heal)

    assert verbs(world) == ["start web"]
    assert last_attempt(state).result == "unknown"
    assert "not visible" in last_attempt(state).detail


async def test_a_refusal_by_docker_is_a_failure(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """Docker's own no is told in its words, and not tried again."""
    world.containers.trouble(Permanent("port is already allocated"))
    state = await run(crashed, heal)

    assert last_attempt(state).result == "failed"
    assert "port is already allocated" in last_attempt(state).detail


async def test_blind_after_a_lost_answer_is_unknown(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """Neither answer nor sight: nobody guesses."""
    world.containers.trouble(LOST)
    world.clock.after(1.0, lambda: world.containers.errors.update(facts=Transient("blind")))
    state = await run(crashed, heal)

    assert last_attempt(state).result == "unknown"
    assert "blind" in last_attempt(state).detail


async def test_a_copy_of_the_run_may_not_act(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """A replay or fork runs on another thread: it neither acts nor writes to the incident."""
    state = await run(crashed, heal, thread="replay-1")
    incident = await world.store.incident(crashed["incident"])

    assert world.containers.performed == []
    assert last_attempt(state).result == "refused"
    assert "copy" in last_attempt(state).detail
    assert incident.attempts == []


async def test_a_copy_may_not_finish_what_the_original_promised(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """With the original's intent open, a copy leaves the journal alone."""
    await killed(world, crashed, run, acted=False)
    await run(crashed, heal, thread="replay-1")

    assert world.containers.performed == []
    assert (await journal(world, crashed))[0].result is None


async def test_a_stale_fence_may_not_act(world: World, crashed: IncidentState, run: Run) -> None:
    """A worker whose claim is not the present one is refused by policy."""
    state = await run({**crashed, "fence": crashed["fence"] - 1}, heal)

    assert world.containers.performed == []
    assert (state["decision"] or {})["rule"] == "claim"


async def held_up(world: World, begin: Begin, run: Run) -> tuple[IncidentState, str]:
    """`web` waits for `db`, which another incident holds."""
    world.rulebook = FixedRulebook(match("start_dependency", cause="dependency_down"))
    world.containers.crash("db")
    world.containers.change("web", health="unhealthy")
    state = await run(await begin(), monitor, analyse)
    other = (await begin(firing(name="db")))["incident"]
    await world.store.claim(other, ["container:local/db"])
    return await run(state, heal), other


async def test_a_target_in_other_hands_may_not_be_touched(
    world: World, begin: Begin, run: Run
) -> None:
    """A remedy that touches a second container needs its claim too."""
    state, _ = await held_up(world, begin, run)
    state = await run(state, healed)

    assert world.containers.performed == []
    assert "container:local/db" in last_attempt(state).detail


async def test_a_wait_is_no_refusal_to_whoever_comes_next(
    world: World, begin: Begin, run: Run
) -> None:
    """People were told in the end: the next alert of what stands on `db` is a part of it."""
    state, _ = await held_up(world, begin, run)
    await world.store.finish(state["incident"], "escalated", "nothing helps", None)
    known = await world.store.told("container:local/db")

    assert known
    assert known.id == state["incident"]


async def test_who_had_to_wait_for_another_incident_looks_again(
    world: World, begin: Begin, run: Run, told: Words
) -> None:
    """What it decided on may be no more: nothing is done, and that is no general refusal."""
    state, other = await held_up(world, begin, run)
    state = await run(state, heal)
    waits = bool(state["wake_at"])
    said = [one for one in await told(state, "claimed") if "waits" in one]
    await world.store.finish(other, "self_resolved", "it is well", None)
    state = await run(state, healed)

    assert (waits, len(said), world.containers.performed) == (True, 1, [])
    assert (state["decision"] or {})["rule"] == "changed"


async def test_paused_since_may_not_act(world: World, crashed: IncidentState, run: Run) -> None:
    """The kill switch counts up to the last moment."""
    await world.store.pause("holiday", by="me")
    state = await run(crashed, heal)

    assert world.containers.performed == []
    assert (state["decision"] or {})["rule"] == "paused"


async def test_paused_after_a_crash_may_not_act(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """What was promised before the crash is not done when the kill switch came between."""
    await promised(world, crashed, run)
    await world.store.pause("holiday", by="me")
    state = await run(crashed, heal)

    assert world.containers.performed == []
    assert last_attempt(state).result == "refused"
    assert "holiday" in last_attempt(state).detail


async def test_a_lost_claim_after_a_crash_may_not_act(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """What was promised before the crash is not done when another incident has the target."""
    await promised(world, crashed, run)
    parent = await begin_other(world)
    await world.store.fold(crashed["incident"], parent)
    state = await run(crashed, heal)

    assert world.containers.performed == []
    assert "claim" in last_attempt(state).detail


async def begin_other(world: World) -> str:
    """Another incident."""
    return await world.accept(firing("Other", name="db"))


@pytest.mark.parametrize(
    "changes", [{"image_id": "sha256:new"}, {"config_digest": "d"}, {"status": "paused"}]
)
async def test_a_changed_target_is_not_touched(
    world: World, crashed: IncidentState, run: Run, changes: dict[str, Any]
) -> None:
    """Another image, configuration or status class since the decision: no act."""
    world.containers.change("web", **changes)
    state = await run(crashed, heal)

    assert world.containers.performed == []
    assert last_attempt(state).result == "refused"
    assert "changed" in last_attempt(state).detail


async def test_a_vanished_target_is_not_touched(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """Removed and made anew under the name is another container."""
    world.containers.remove("web")
    state = await run(crashed, heal)

    assert world.containers.performed == []
    assert (state["decision"] or {})["rule"] == "changed"


async def test_what_recovered_before_the_yes_is_left_alone(
    world: World, begin: Begin, run: Run
) -> None:
    """Approved hours later, a container that is healthy again by then is not restarted."""
    world.rulebook = FixedRulebook(match("restart", cause="hung"))
    world.limit(mode="approve")
    world.containers.change("web", health="unhealthy")
    state = await run(await begin(), monitor, analyse)
    await approved(world, state)
    world.containers.change("web", health="healthy")
    state = await run(state, heal)

    assert world.containers.performed == []
    assert "recovered by itself" in last_attempt(state).detail


async def approved(world: World, state: IncidentState) -> None:
    """A person is asked and says yes."""
    digest = Remedy.parse(state["remedy"] or {}).digest
    end = world.clock.now() + timedelta(hours=1)
    await world.store.ask(state["incident"], digest=digest, request={}, expires_at=end)
    approval = Approval(digest=digest, answer="approve", by="ann")
    await world.store.decide(state["incident"], approval)


async def test_an_approved_remedy_is_done(world: World, begin: Begin, run: Run) -> None:
    """A yes in the ledger to this remedy lets it pass, also when the evidence has aged."""
    world.containers.stop("web")
    state = await run(await begin(), monitor, analyse)
    await approved(world, state)
    world.clock.advance(3600 - 1)
    state = await run(state, approve, heal)

    assert verbs(world) == ["start web"]


async def memory_raised(world: World, begin: Begin, run: Run) -> IncidentState:
    """`web` ran out of memory: the limit is raised, then it is started."""
    world.rulebook = FixedRulebook(match("raise_memory", cause="out_of_memory", needs=("stop",)))
    world.containers.oom("web")
    return await run(await begin(), monitor, analyse)


async def test_effects_come_in_order(world: World, begin: Begin, run: Run) -> None:
    """Both effects, each with its own entry."""
    state = await run(await memory_raised(world, begin, run), heal)

    assert verbs(world) == ["update_memory web", "start web"]
    assert [entry.intent.position for entry in await journal(world, state)] == [0, 1]
    assert world.containers["web"].memory_limit == 128 * 1024**2


async def test_the_first_failure_stops_the_rest(world: World, begin: Begin, run: Run) -> None:
    """An effect that failed is followed by none."""
    world.containers.trouble(Permanent("no"))
    state = await run(await memory_raised(world, begin, run), heal)

    assert verbs(world) == ["update_memory web"]
    assert last_attempt(state).result == "failed"


async def test_half_done_is_not_told_as_refused(world: World, begin: Begin, run: Run) -> None:
    """When the second effect is refused after the first took place, something was done."""
    state = await memory_raised(world, begin, run)
    facts = world.containers.facts
    looks = iter(range(9))

    async def changing(target: Any) -> Any:
        if next(looks) == 3:
            world.containers.change("web", status="paused")
        return await facts(target)

    world.containers.facts = changing  # type: ignore[method-assign]  # the world changes in between
    state = await run(state, heal)

    assert verbs(world) == ["update_memory web"]
    assert last_attempt(state).result == "failed"


async def test_after_a_crash_only_the_open_effect_is_settled(
    world: World, begin: Begin, run: Run
) -> None:
    """The first effect has its result; only the second is looked for."""
    state = await memory_raised(world, begin, run)
    await killed_at_second(world, state, run)
    state = await run(state, heal)

    assert verbs(world) == ["update_memory web", "start web"]
    assert last_attempt(state).result == "done"
    assert [entry.called_at is not None for entry in await journal(world, state)] == [True, True]


async def test_what_comes_after_a_failure_is_not_reached(
    world: World, begin: Begin, run: Run
) -> None:
    """It counts as under way no more: else it would hold up the next attempt, and others."""
    state = await memory_raised(world, begin, run)
    world.containers.trouble(Permanent("no such limit"))
    state = await run(state, heal)
    entries = await journal(world, state)

    assert [one.result.result for one in entries if one.result] == ["failed", "refused"]
    assert [one.result.detail for one in entries if one.result][1] == "not reached"
    assert (last_attempt(state).result, (await standing(world, state)).acting) == ("failed", [])


async def test_a_failure_before_a_crash_ends_the_attempt(
    world: World, begin: Begin, run: Run
) -> None:
    """The first effect failed, then the process died: the second is not asked about, nor done."""
    state = await memory_raised(world, begin, run)
    world.containers.trouble(Permanent("no such limit"))
    conclude = world.store.conclude

    async def dying(*given: Any, **more: Any) -> None:
        await conclude(*given, **more)
        raise KilledError

    world.store.conclude = dying  # type: ignore[method-assign]  # this process is the one that dies
    with pytest.raises(KilledError):
        await run(state, heal)
    del world.store.conclude
    await world.store.pause("holiday", by="me")
    state = await run(state, heal)

    assert (state["decision"] or {})["kind"] == "allowed"
    assert (last_attempt(state).result, verbs(world)) == ("failed", ["update_memory web"])
    assert all(one.result for one in await journal(world, state))


async def killed_at_second(world: World, state: IncidentState, run: Run) -> None:
    """Run heal up to its second effect, after which the process ends."""
    perform, calls = world.containers.perform, iter(range(9))

    async def dying(effect: Any) -> Any:
        performed = await perform(effect)
        if next(calls) == 1:
            raise KilledError
        return performed

    world.containers.perform = dying  # type: ignore[method-assign]  # this process is the one that dies
    with pytest.raises(KilledError):
        await run(state, heal)
    world.containers.perform = perform  # type: ignore[method-assign]  # and this one lives


async def test_waits_for_its_turn_without_a_worker(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """Too much at once: it comes back two seconds later, and acts when there is room."""
    world.limit(max_actions_at_once=0)
    began = world.clock.now()
    waiting = await run(crashed, heal)
    world.limit(max_actions_at_once=1)
    state = await run(waiting, heal)

    assert (waiting["wake_at"], waiting["attempts"]) == ((began + TURN).isoformat(), [])
    assert (world.clock.slept, verbs(world)) == ([], ["start web"])
    assert (state["wake_at"], state["deadline"]) == (None, None)


async def test_whoever_waits_for_a_turn_looks_at_nothing_else(
    world: World, crashed: IncidentState, run: Run, told: Words
) -> None:
    """Thirty times a minute: only whether there is room now, and people hear of it once."""
    world.limit(max_actions_at_once=0)
    state = await run(crashed, heal)
    said = await told(state, "policy")
    world.containers.errors.update(facts=Transient("nobody is to ask"))
    for _ in range(5):
        state = await run(state, heal)

    assert await told(state, "policy") == said
    assert bool(state["wake_at"])


async def test_patience_for_a_turn_ends(world: World, crashed: IncidentState, run: Run) -> None:
    """A minute, then refused: the world is looked at again, and no limit counts it as an act."""
    world.limit(max_actions_at_once=0)
    began = world.clock.now()
    state = await run(crashed, healed)

    assert last_attempt(state).result == "refused"
    assert "right now" in last_attempt(state).detail
    assert world.clock.now() == began + PATIENCE
    assert (await standing(world, state)).recent == []


async def test_a_clock_put_back_adds_no_patience(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """An hour less is no hour more to wait."""
    world.limit(max_actions_at_once=0)
    state = await run(crashed, heal)
    world.clock.put(-3600)
    began = world.clock.now()
    await run(state, healed)

    assert world.clock.now() <= began + PATIENCE


async def test_after_a_crash_it_waits_for_its_turn_too(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """What was promised and not called is one more that acts."""
    await promised(world, crashed, run)
    world.limit(max_actions_at_once=0)
    waiting = await run(crashed, heal)
    world.limit(max_actions_at_once=1)
    await run(waiting, heal)

    assert bool(waiting["wake_at"])
    assert verbs(world) == ["start web"]


async def test_nothing_to_change_is_done(world: World, begin: Begin, run: Run) -> None:
    """A rung without effects leaves no intent and is done at once."""
    world.rulebook = FixedRulebook(match("wait"))
    world.containers.add(container("web", status="restarting", health="unhealthy"))
    state = await run(await begin(), monitor, analyse, heal)

    assert last_attempt(state).detail == "nothing to change"
    assert await journal(world, state) == []


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
async def test_settling_is_never_longer_than_it_takes(
    world: World, crashed: IncidentState, run: Run, jump: float
) -> None:
    """A clock put back by an hour must not make a worker sleep for that hour."""
    world.containers.trouble(Transient("time-out"))
    perform = world.containers.perform

    async def jumping(effect: Effect) -> Performed:
        world.clock.put(jump)
        return await perform(effect)

    world.containers.perform = jumping  # type: ignore[method-assign]  # the clock is set meanwhile
    await run(crashed, heal)

    assert sum(world.clock.slept) <= world.limits.settle_s


async def failing_probe(world: World, begin: Begin, run: Run) -> IncidentState:
    """`web` runs, an outside probe fails, and policy allows a restart."""
    await probed(world, "bad")
    world.rulebook = FixedRulebook(match("restart", cause="probe_failing", needs=("probe",)))
    return await run(await begin(), monitor, analyse)


async def probed(world: World, state: Literal["good", "bad"]) -> None:
    """What the outside probe of `web` says from now on."""
    assert world.metrics
    world.metrics.probes["web"] = Probe(state=state, query="probe_success", detail="of web")


@pytest.mark.parametrize(("probe", "sent"), [("good", []), ("bad", ["restart web"])])
async def test_resolved_is_looked_at_before_the_act(
    world: World, begin: Begin, run: Run, probe: Literal["good", "bad"], sent: list[str]
) -> None:
    """Resolved meanwhile: only what a fresh look still finds broken is touched."""
    state = await failing_probe(world, begin, run)
    await world.accept(firing().model_copy(update={"status": "resolved"}))
    world.clock.advance(1)
    await probed(world, probe)
    state = await run(state, heal)

    assert verbs(world) == sent
    assert (state["decision"] or {}).get("rule", "") == ("" if sent else "changed")
