import pytest

from domain.state import IncidentState
from nightshift.testing import World, firing, stays_unhealthy
from nodes.analyse import analyse
from nodes.heal import heal
from nodes.monitor import monitor
from nodes.notify import notify
from tests.nodes.steps import Begin, Run, Words, verified


async def test_healed_is_resolved(crashed: IncidentState, run: Run, told: Words) -> None:
    """Our act and a healed verdict: resolved, with the proof as the reason."""
    state = await run(crashed, heal, verified, notify)

    assert state["outcome"] == "resolved"
    assert "web is running, healthy" in state["reason"]
    assert await told(state, "outcome") == [state["reason"]]


async def test_the_outcome_reaches_the_outbox(
    world: World, crashed: IncidentState, run: Run
) -> None:
    """Every channel has a message to bring up to date; an escalation is loud."""
    world.limit(max_attempts=1)
    world.containers.fate("web", stays_unhealthy)
    state = await run(crashed, heal, verified, notify)
    (draft,) = await world.store.drafts("console", limit=9)

    assert state["outcome"] == "escalated"
    assert draft.incident == state["incident"]
    assert draft.loud


async def test_nobody_found_names_the_labels(world: World, begin: Begin, run: Run) -> None:
    """An alert about nobody is escalated with the labels that were tried."""
    state = await run(await begin(firing(name="gone")), monitor, analyse, notify)

    assert state["outcome"] == "escalated"
    assert "name=gone" in state["reason"]


async def test_observing_is_told_as_such(world: World, begin: Begin, run: Run) -> None:
    """Mode observe: what would have been done, and no alarm."""
    world.limit(mode="observe")
    world.containers.crash("web")
    state = await run(await begin(), monitor, analyse, notify)

    assert state["outcome"] == "observed"
    assert "would have done start" in state["reason"]


@pytest.mark.parametrize("outcome", ["self_resolved", "folded", "failed", "denied"])
async def test_a_given_outcome_stands(begin: Begin, run: Run, outcome: str) -> None:
    """What a node has settled is not judged again."""
    state = await run({**await begin(), "outcome": outcome, "reason": "because"}, notify)

    assert (state["outcome"], state["reason"]) == (outcome, "because")
    assert state["notified"]
