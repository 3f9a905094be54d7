from datetime import timedelta
from typing import Any

import pytest

from domain.decision import Allowed
from domain.diagnosis import Diagnosis
from domain.incident import Episode, Recall
from domain.remedy import RemedyName
from domain.state import IncidentState
from nightshift.testing import FixedRulebook, World, container, firing, match, stays_unhealthy
from nodes.analyse import analyse
from nodes.heal import heal
from nodes.monitor import monitor
from nodes.retrieve_history import retrieve_history
from tests.nodes.steps import Begin, Run, Words, verified
from tests.stores import claimed, intent, key


async def broken(world: World, begin: Begin, run: Run) -> IncidentState:
    """`web` crashed and was looked at."""
    world.containers.crash("web")
    return await run(await begin(), monitor)


def chosen(state: IncidentState) -> tuple[Any, Any]:
    """The remedy's name and the decision's kind or rule."""
    remedy, decision = state["remedy"] or {}, state["decision"] or {}
    return remedy.get("name"), decision.get("rule") or decision.get("kind")


async def past(world: World, run: Run, begin: Begin, *, name: RemedyName, healed: bool) -> None:
    """An earlier incident of the same alert in which that remedy healed, or did not."""
    old = await run(await begin(firing(name="web", number=name)), monitor)
    episode = {
        "incident": old["incident"], "alert_name": "ContainerDown", "service": "web",
        "kind": "container", "cause": "crashed", "severity": "critical", "symptom": "",
        "root_cause": "", "remediation_taken": "", "outcome": "resolved",
        "healed_by": name if healed else None, "failed": [] if healed else [name],
        "resolution_time": 1.0, "at": world.clock.now() - timedelta(days=1),
    }  # fmt: skip
    await world.store.finish(old["incident"], "self_resolved", "", Episode.model_validate(episode))


async def test_the_runbook_decides(world: World, begin: Begin, run: Run) -> None:
    """Cause, cited evidence and ladder come from the runbook; policy lets the first rung pass."""
    state = await run(await broken(world, begin, run), analyse)
    diagnosis = Diagnosis.parse(state["diagnosis"] or {})

    assert diagnosis.decided_by == "runbook"
    assert diagnosis.evidence == ["alert@1", "container@1", "stop@1"]
    assert diagnosis.ladder == ["start", "restart"]
    assert chosen(state) == ("start", "allowed")


async def test_the_diagnosis_is_on_record(world: World, begin: Begin, run: Run) -> None:
    """The ledger's incident shows what was found."""
    state = await run(await broken(world, begin, run), analyse)
    incident = await world.store.incident(state["incident"])

    assert incident.diagnosis
    assert incident.diagnosis.plain() == state["diagnosis"]


async def test_no_runbook_no_remedy(world: World, begin: Begin, run: Run) -> None:
    """What no runbook explains has neither a remedy nor a decision."""
    world.rulebook = FixedRulebook()
    state = await run(await broken(world, begin, run), analyse)

    assert chosen(state) == (None, None)
    assert (state["diagnosis"] or {})["decided_by"] == "none"


async def test_without_a_target_there_is_no_remedy(world: World, begin: Begin, run: Run) -> None:
    """A runbook that would act says nothing; the reason of the search becomes the summary."""
    state = await run(await begin(firing(name="gone")), monitor, analyse)

    assert chosen(state) == (None, None)
    assert "name=gone" in str((state["diagnosis"] or {})["summary"])


async def test_without_a_target_a_runbook_may_advise(world: World, begin: Begin, run: Run) -> None:
    """One without remedies may speak from alert and expression alone: a certificate, say."""
    world.rulebook = FixedRulebook(match(cause="certificate", needs=("expression",)))
    state = await run(await begin(firing(instance="https://shop.example")), monitor, analyse)

    assert (state["diagnosis"] or {})["cause"] == "certificate"
    assert [kind.partition("@")[0] for kind in state["evidence"]] == ["alert", "expression"]


async def test_a_proven_remedy_comes_first(world: World, begin: Begin, run: Run) -> None:
    """What healed this pattern before is tried before the gentler rung."""
    await past(world, run, begin, name="restart", healed=True)
    state = await run(await broken(world, begin, run), retrieve_history, analyse)

    assert Recall.parse(state["history"]).exact
    assert chosen(state) == ("restart", "allowed")


async def test_a_proven_failure_is_skipped(world: World, begin: Begin, run: Run) -> None:
    """What failed on this pattern before is left out, and the diagnosis says why."""
    await past(world, run, begin, name="start", healed=False)
    state = await run(await broken(world, begin, run), retrieve_history, analyse)

    assert chosen(state) == ("restart", "allowed")
    assert "did not work" in str((state["diagnosis"] or {})["skipped"])


async def test_a_rung_in_cooldown_leaves_the_next(world: World, begin: Begin, run: Run) -> None:
    """A refusal that concerns this rung alone lets the next one be judged."""
    world.limit(cooldown_failures=1)
    world.containers.fate("web", stays_unhealthy)
    first = await run(await broken(world, begin, run), analyse, heal, verified)
    await world.store.finish(first["incident"], "escalated", "", None)
    world.containers.crash("web")
    state = await run(await begin(firing("Again", name="web")), monitor, analyse)

    assert chosen(state) == ("restart", "allowed")


async def test_what_is_under_way_is_no_refusal(world: World, begin: Begin, run: Run) -> None:
    """Other targets being acted on is a reason for heal to wait, not to call people."""
    world.limit(max_actions_at_once=1)
    state = await run(await broken(world, begin, run), analyse)
    other = await world.accept(firing(name="db"))
    fence = await claimed(world.store, other, [key("db")])
    promise = intent(other, fence=fence, name="db", at=world.clock.now())
    await world.store.reserve([promise], lambda _: Allowed())
    again = await run(state, analyse)

    assert (await world.store.standing(other, thread=other, fence=fence, keys=[])).acting
    assert chosen(again) == ("start", "allowed")


async def test_a_general_refusal_ends_the_search(
    world: World, begin: Begin, run: Run, told: Words
) -> None:
    """Paused: no other rung is judged, and the refusal is told with the first one's name."""
    await world.store.pause("holiday", by="me")
    state = await run(await broken(world, begin, run), analyse)

    assert chosen(state) == ("start", "paused")
    assert await told(state, "policy") == ["start: refused, Nightshift is paused: holiday"]


async def test_every_rung_refused_for_itself_leaves_none(
    world: World, begin: Begin, run: Run
) -> None:
    """When all rungs were refused for their own sake, the last refusal stands without a remedy."""
    everyone = [container(name, status="dead") for name in "abcd"]
    world.containers.add(*everyone)
    state = await run(await broken(world, begin, run), analyse)

    assert chosen(state) == (None, "blast")


async def test_a_persons_stop_needs_a_word(world: World, begin: Begin, run: Run) -> None:
    """What somebody stopped is not started unasked."""
    world.containers.stop("web")
    state = await run(await begin(), monitor, analyse)

    assert chosen(state) == ("start", "human")


async def test_what_was_tried_is_not_tried_again(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """After a rung that did not heal comes the next."""
    world.containers.fate("web", stays_unhealthy)
    state = await run(crashed, heal, verified, analyse)

    assert (state["diagnosis"] or {})["skipped"] == {"start": "tried in this incident"}
    assert chosen(state) == ("restart", "allowed")


async def test_what_was_refused_was_not_tried(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """A remedy that never happened because the target changed may still be the right one."""
    world.containers.change("web", image_id="sha256:new")
    state = await run(crashed, heal, verified, analyse)

    assert state["attempts"][0]["result"] == "refused"
    assert chosen(state) == ("start", "allowed")


async def test_runbooks_see_what_was_tried(world: World, crashed: IncidentState, run: Run) -> None:
    """The next round's evidence holds the remedies that were carried out."""
    world.containers.fate("web", stays_unhealthy)
    await run(crashed, heal, verified, analyse)

    assert world.rulebook.asked[-1]["attempts"] == {"tried": ["start"], "count": 1}
    assert world.rulebook.asked[0]["attempts"] == {"tried": [], "count": 0}


async def test_only_our_own_check_says_so(world: World, begin: Begin, run: Run) -> None:
    """An alert that our own check raised from Docker is no second source."""
    world.containers.crash("web")
    own = firing().model_copy(update={"source": "check"})
    state = await run(await begin(own), monitor, analyse)

    assert chosen(state) == ("start", "evidence")


@pytest.mark.parametrize(("ends", "word"), [("stop", "human"), ("crash", "allowed")])
async def test_a_dependency_that_somebody_stopped_is_asked_about(
    world: World, begin: Begin, run: Run, ends: str, word: str
) -> None:
    """Its victim's trouble is no leave to undo what a person did; a crash is nobody's wish."""
    getattr(world.containers, ends)("db")
    world.containers.change("web", health="unhealthy")
    world.rulebook = FixedRulebook(match("start_dependency"))
    await world.watch()
    state = await run(await begin(), monitor, analyse)

    assert chosen(state) == ("start_dependency", word)
