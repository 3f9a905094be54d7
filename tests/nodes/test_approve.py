from datetime import timedelta
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command

from domain.decision import Approval
from domain.deps import Deps
from domain.remedy import Remedy
from domain.state import IncidentState
from nightshift.testing import World
from nodes.analyse import analyse
from nodes.approve import approve
from nodes.monitor import monitor
from tests.nodes.steps import Begin, Run, Words


class Asking:
    """The node alone in a graph of its own, because only a graph can interrupt."""

    def __init__(self, world: World, state: IncidentState) -> None:
        graph = StateGraph(IncidentState, context_schema=Deps)
        graph.add_node("approve", approve)
        graph.add_edge(START, "approve")
        graph.add_edge("approve", END)
        self._graph = graph.compile(checkpointer=InMemorySaver())
        self._world, self._state = world, state
        self.digest = Remedy.parse(state["remedy"] or {}).digest

    async def run(self, resume: Any = None) -> dict[str, Any]:
        """The state after one run of the node, or its interrupt."""
        config: Any = {"configurable": {"thread_id": self._state["incident"]}}
        given: Any = self._state if resume is None else Command(resume=resume)
        return await self._graph.ainvoke(given, config, context=self._world.deps)

    async def says(self, answer: str) -> None:
        """A person's answer to the request."""
        approval = Approval.model_validate({"digest": self.digest, "answer": answer, "by": "ann"})
        await self._world.store.decide(self._state["incident"], approval)


@pytest.fixture
async def asking(world: World, begin: Begin, run: Run) -> Asking:
    """`web` was stopped by somebody: a person has to say whether it shall be started."""
    world.containers.stop("web")
    return Asking(world, await run(await begin(), monitor, analyse))


def ended(state: dict[str, Any]) -> tuple[Any, Any]:
    """The outcome and the decision."""
    return state.get("outcome"), (state.get("decision") or {})["kind"]


async def test_asks_and_holds_nothing(world: World, asking: Asking) -> None:
    """The first run writes the request down and interrupts."""
    state = await asking.run()
    pending = await world.store.pending_approval(state["incident"])

    assert state["__interrupt__"]
    assert pending
    assert pending["digest"] == asking.digest


async def test_the_request_is_shown_by_every_studio(world: World, asking: Asking) -> None:
    """It carries `args` and `arguments`, what would be done, and which answers count."""
    request = (await asking.run())["__interrupt__"][0].value
    action = request["action_requests"][0]

    assert action["name"] == "start"
    assert action["args"] == action["arguments"]
    assert action["args"]["target"] == "container:local/web"
    assert request["review_configs"][0]["allowed_decisions"] == ["approve", "reject"]


async def test_running_again_asks_nothing_new(world: World, asking: Asking, told: Words) -> None:
    """A node that runs again after a crash does not ask a second time."""
    state = await asking.run()
    await asking.run()

    assert len(await told(state, "approval_requested")) == 1


async def test_the_ledgers_yes_allows(asking: Asking) -> None:
    """The answer is read from the ledger, whatever resumed the run."""
    await asking.run()
    await asking.says("approve")

    assert ended(await asking.run("go on")) == (None, "allowed")


async def test_the_ledgers_no_denies(asking: Asking) -> None:
    """A no ends the incident, with the name of who said it."""
    await asking.run()
    await asking.says("deny")
    state = await asking.run("approve")

    assert ended(state) == ("denied", "refused")
    assert state["reason"] == "denied by ann"


async def test_nobody_answered(world: World, asking: Asking) -> None:
    """After its time a request is escalated, and nothing was done."""
    await asking.run()
    world.clock.advance(world.limits.approval_ttl_s)
    state = await asking.run()

    assert state["outcome"] == "escalated"
    assert "start was not done" in state["reason"]


async def test_expires_at_the_promised_time(world: World, asking: Asking) -> None:
    """The request says when it ends."""
    state = await asking.run()
    expires = await world.store.approval_expires(state["incident"], asking.digest)

    assert expires == world.clock.now() + timedelta(hours=4)


async def test_gone_before_anybody_answered(world: World, asking: Asking, begin: Begin) -> None:
    """Resolved upstream and well again: nobody needs to be asked any more."""
    state = await asking.run()
    alert = (await world.store.incident(state["incident"])).alert
    await world.store.accept([alert.model_copy(update={"status": "resolved"})])
    world.containers.change("web", status="running", health="healthy")

    assert (await asking.run())["outcome"] == "self_resolved"


async def test_resolved_and_still_down_goes_on_asking(world: World, asking: Asking) -> None:
    """The word "resolved" from upstream alone is not a recovery."""
    state = await asking.run()
    alert = (await world.store.incident(state["incident"])).alert
    await world.store.accept([alert.model_copy(update={"status": "resolved"})])

    assert (await asking.run())["__interrupt__"]


@pytest.mark.parametrize(
    ("resume", "kind"),
    [
        ("approve", "allowed"),
        ({"decisions": [{"type": "approve"}]}, "allowed"),
        ([{"type": "approve"}], "allowed"),
        ("deny", "refused"),
        ({"type": "edit"}, "refused"),
        ({"what": "ever"}, "refused"),
    ],
)
async def test_studios_answers(asking: Asking, resume: Any, kind: str) -> None:
    """Without a row in the ledger the resumed value counts, and anything unknown is no."""
    await asking.run()

    assert ended(await asking.run(resume))[1] == kind
