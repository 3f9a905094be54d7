import re
from pathlib import Path
from typing import Any

import pytest
from langgraph.types import Command, RetryPolicy

from domain.decision import Approval
from domain.errors import Permanent, Transient
from domain.facts import ContainerFacts
from domain.metrics import Probe
from domain.reasoning import CALLS_AT_MOST
from domain.state import GRAPH_VERSION
from graph.build import ANALYSE_TIMEOUT_S, HEAL_TIMEOUT_S, NODE_TIMEOUT_S, build
from nightshift.runs import config_of, first_state
from nightshift.settings import load
from nightshift.testing import FixedRulebook, dies, firing, match, stays_unhealthy
from tests.graph.driving import Service

DOCS = Path(__file__).parents[2] / "docs" / "graph.md"
NODES = {
    "monitor", "retrieve-history", "analyse", "approve", "heal", "verify", "notify", "learn",
}  # fmt: skip


async def test_a_crash_is_healed(service: Service) -> None:
    """From alert to outcome: started once, proved, told, learned."""
    service.world.containers.crash("web")
    incident = await service.end(await service.alert())

    assert service.verbs() == ["start web"]
    assert (incident.status, incident.outcome) == ("done", "resolved")
    assert incident.attempts[0].verdict == "healed"
    assert service.world.containers["web"].well


async def test_the_story_is_whole(service: Service) -> None:
    """Every step of the lifecycle left its event, in order."""
    service.world.containers.crash("web")
    incident = await service.end(await service.alert())
    kinds = [event.kind for event in await service.world.store.timeline(incident.id)]
    steps = [
        "received", "evidence", "claimed", "history", "diagnosis", "policy",
        "intent", "effect", "verdict", "outcome", "learned",
    ]  # fmt: skip

    assert [kind for kind in dict.fromkeys(kinds) if kind in steps] == steps


def well(facts: ContainerFacts) -> ContainerFacts:
    """It starts, and its health check passes again."""
    return facts.model_copy(update={"health": "healthy"})


async def test_the_next_rung_follows(service: Service) -> None:
    """What did not heal is followed by the next rung, and both are learned."""
    service.world.containers.crash("web")
    service.world.containers.fate("web", stays_unhealthy, well)
    incident = await service.end(await service.alert())
    ((_, episode),) = await service.world.store.episodes(limit=9)

    assert service.verbs() == ["start web", "restart web"]
    assert incident.outcome == "resolved"
    assert (episode.healed_by, episode.failed) == ("restart", ["start"])


async def test_the_second_time_goes_straight(service: Service) -> None:
    """What healed before is tried first, without the rung that failed."""
    service.world.containers.crash("web")
    service.world.containers.fate("web", stays_unhealthy, well)
    await service.end(await service.alert())
    service.world.clock.advance(7200)
    service.world.containers.crash("web")
    later = firing().model_copy(update={"starts_at": service.world.clock.now()})
    incident = await service.end(await service.alert(later))

    assert service.verbs()[2:] == ["restart web"]
    assert incident.outcome == "resolved"


async def test_a_ladder_without_success_escalates(service: Service) -> None:
    """All rungs tried and still broken: a person is called, and nothing is tried for ever."""
    service.world.containers.crash("web")
    service.world.containers.fate("web", dies)
    incident = await service.end(await service.alert())

    assert incident.outcome == "escalated"
    assert service.verbs() == ["start web", "restart web"]


async def test_recovered_by_itself_is_left_alone(service: Service) -> None:
    """Well when looked at: no act, self-resolved."""
    incident = await service.end(await service.alert())

    assert service.verbs() == []
    assert incident.outcome == "self_resolved"


async def test_resolved_and_well_before_the_act_is_left_alone(service: Service) -> None:
    """The alert clears between the decision and the act: nothing is done."""
    metrics = service.world.metrics
    assert metrics
    metrics.probes["web"] = Probe(state="bad", query="probe_success", detail="of web")
    service.world.rulebook = FixedRulebook(match("restart", needs=("probe",)))
    incident = await service.alert()
    claim = service.world.store.claim

    async def claiming(who: str, keys: Any, **more: Any) -> Any:
        if who == incident and (await service.heard(incident, "diagnosis")):
            metrics.probes.clear()
            await service.world.accept(firing().model_copy(update={"status": "resolved"}))
            service.world.clock.advance(1)
        return await claim(who, keys, **more)

    service.world.store.claim = claiming  # type: ignore[assignment,method-assign]  # heal's first step

    assert (await service.end(incident)).outcome == "self_resolved"
    assert service.verbs() == []


async def test_nobody_found_escalates(service: Service) -> None:
    """An alert about nobody ends with the labels that were tried."""
    incident = await service.end(await service.alert(firing(name="gone")))

    assert incident.outcome == "escalated"
    assert "name=gone" in incident.reason


async def stopped(service: Service) -> str:
    """Somebody stopped `web`; the incident waits for a person's word."""
    service.world.containers.stop("web")
    incident = await service.alert()
    await service.work(until_s=60)
    return incident


async def says(service: Service, incident: str, answer: str) -> None:
    """A person's answer to the open request."""
    pending = await service.world.store.pending_approval(incident)
    approval = {"digest": (pending or {})["digest"], "answer": answer, "by": "ann"}
    await service.world.store.decide(incident, Approval.model_validate(approval))


async def test_a_persons_word_is_waited_for(service: Service) -> None:
    """The incident waits without a worker, and nothing was done."""
    incident = await stopped(service)

    assert (await service.world.store.incident(incident)).status == "waiting"
    assert await service.world.store.pending_approval(incident)
    assert service.verbs() == []


@pytest.mark.parametrize(
    ("answer", "outcome", "done"),
    [("approve", "resolved", ["start web"]), ("deny", "denied", [])],
)
async def test_the_answer_wakes_it(
    service: Service, answer: str, outcome: str, done: list[str]
) -> None:
    """Written to the ledger, the answer resumes the run where it stood."""
    incident = await stopped(service)
    service.world.clock.advance(1800)
    await says(service, incident, answer)

    assert (await service.end(incident)).outcome == outcome
    assert service.verbs() == done
    assert len(await service.heard(incident, "approval_requested")) == 1


async def test_no_answer_expires(service: Service) -> None:
    """After its time the request is escalated by the timed job."""
    incident = await stopped(service)
    await service.work(until_s=5 * 3600)

    assert (await service.world.store.incident(incident)).outcome == "escalated"
    assert service.verbs() == []


async def test_an_answer_for_another_state_of_things(service: Service) -> None:
    """Approved, but meanwhile somebody started it: nothing is done."""
    incident = await stopped(service)
    await says(service, incident, "approve")
    service.world.containers.change("web", status="running", health="healthy")

    assert (await service.end(incident)).outcome == "self_resolved"
    assert service.verbs() == []


async def test_a_folded_alert_ends_after_its_parent(service: Service) -> None:
    """A second alert of the same target waits, and ends folded once it is well itself."""
    parent = await stopped(service)
    child = await service.alert(firing("HighErrorRate", name="web"))
    await service.work(until_s=30)
    await says(service, parent, "approve")

    assert (await service.end(child)).outcome == "folded"
    assert (await service.world.store.incident(parent)).outcome == "resolved"
    assert service.verbs() == ["start web"]


class BrokenRulebook(FixedRulebook):
    """A rulebook with a defect."""

    def match(self, situation: Any) -> None:
        """Raises."""
        raise ZeroDivisionError("a bug of ours")


async def test_an_error_in_a_node_escalates_as_failed(service: Service) -> None:
    """Our own defect ends the incident loudly, names node and error, and does nothing."""
    service.world.rulebook = BrokenRulebook()
    service.world.containers.crash("web")
    incident = await service.end(await service.alert())

    assert (incident.status, incident.outcome) == ("done", "failed")
    assert incident.reason == "analyse failed: ZeroDivisionError: a bug of ours"
    assert service.verbs() == []


async def test_a_permanent_no_is_not_retried(service: Service) -> None:
    """Only what may work later is tried again."""
    calls: list[str] = []

    async def inventory() -> None:
        calls.append("inventory")
        raise Permanent("API version too old")

    service.world.containers.inventory = inventory  # type: ignore[assignment,method-assign]  # a runtime that refuses
    incident = await service.end(await service.alert())

    assert incident.outcome == "failed"
    assert calls == ["inventory"]


async def test_a_transient_error_is_retried(service: Service) -> None:
    """A hiccup of a source is not an incident of ours."""
    service.world.containers.crash("web")
    service.world.containers.errors["inventory"] = Transient("connection reset")
    asked: list[int] = []

    async def later(method: str) -> None:
        if method == "inventory":
            asked.append(1)
            if len(asked) < 3:
                raise Transient("connection reset")

    service.world.containers._answering = later  # type: ignore[method-assign]  # fails twice
    incident = await service.end(await service.alert())

    assert incident.outcome == "resolved"
    assert len(asked) == 3


async def test_heal_is_never_retried(service: Service) -> None:
    """An error inside heal ends the run of the node: nothing is sent a second time."""
    service.world.containers.crash("web")
    service.world.containers.trouble(RuntimeError("a bug of ours"))  # type: ignore[arg-type]  # not one of the port's errors
    incident = await service.end(await service.alert())

    assert service.verbs() == ["start web"]
    assert incident.outcome == "failed"


async def test_the_last_word_is_not_lost(service: Service) -> None:
    """When notify itself fails the run fails, and a later one takes it up there."""
    service.world.containers.crash("web")
    record = service.world.store.record
    broken = [True]

    async def recording(incident: str, event: Any) -> None:
        if event.kind == "outcome" and broken[0]:
            raise Permanent("disk full")
        await record(incident, event)

    service.world.store.record = recording  # type: ignore[method-assign]  # a disk that is full for a while
    incident = await service.alert()
    with pytest.raises(Permanent, match="disk full"):
        await service.work()
    broken[0] = False
    await service.runs.drive(incident)

    assert (await service.world.store.incident(incident)).outcome == "resolved"
    assert service.verbs() == ["start web"]


def test_every_node_has_its_defaults() -> None:
    """Time-out and retry of what is transient for all; heal has no retry, but more time."""
    nodes = {name: spec for name, spec in build().compile().nodes.items() if name in NODES}
    policies = {name: _policy(spec.retry_policy) for name, spec in nodes.items()}
    timeouts = {name: spec.timeout.run_timeout for name, spec in nodes.items() if spec.timeout}

    assert set(nodes) == NODES
    assert policies == {name: 1 if name == "heal" else 3 for name in NODES}
    longer = {"heal": HEAL_TIMEOUT_S, "analyse": ANALYSE_TIMEOUT_S}
    assert timeouts == {name: longer.get(name, NODE_TIMEOUT_S) for name in NODES}


def test_all_but_the_last_words_escalate() -> None:
    """The nodes notify and learn have no error handler: a run that fails there goes on there."""
    nodes = build().compile().nodes
    handled = {name for name in NODES if nodes[name].error_handler_node}

    assert handled == NODES - {"notify", "learn"}


def _policy(found: Any) -> int:
    """How often a node is run in all."""
    policy: RetryPolicy = found[0] if isinstance(found, list | tuple) else found
    assert policy.max_attempts == 1 or policy.retry_on is Transient
    return policy.max_attempts


def test_heal_outlasts_any_call() -> None:
    """Its time-out is longer than two calls with their settling, and a fresh look before them."""
    assert HEAL_TIMEOUT_S > 2 * (15 + 5 + 25) + 60


async def test_checkpoints_tell_their_version(service: Service) -> None:
    """Every checkpoint holds the graph's version."""
    incident = await stopped(service)
    snapshot = await build().compile(checkpointer=service.saver).aget_state(config_of(incident))

    assert snapshot.values["graph_version"] == GRAPH_VERSION
    assert snapshot.next == ("approve",)


async def test_an_unknown_version_begins_anew(service: Service) -> None:
    """A checkpoint of another graph is dropped; the incident starts at monitor, and ends."""
    service.world.containers.crash("web")
    incident = await service.alert()
    graph: Any = build().compile(checkpointer=service.saver)
    begun = first_state(await service.world.store.incident(incident))
    old = {**begun, "graph_version": GRAPH_VERSION - 1}
    await graph.aupdate_state(config_of(incident), old, as_node="heal")

    assert (await service.end(incident)).outcome == "resolved"
    assert service.verbs() == ["start web"]


async def test_a_resume_from_studio_may_not_act_for_the_ledger(service: Service) -> None:
    """A bare resume is no row in the ledger: heal's own look at policy refuses."""
    incident = await stopped(service)
    graph: Any = build().compile(checkpointer=service.saver)
    config = config_of(incident)
    await graph.ainvoke(Command(resume="approve"), config, context=service.world.deps)

    assert service.verbs() == []


HANDLERS = "__error_handler__"


def drawing() -> str:
    """The compiled graph as mermaid, without the error handlers, which hang on no edge."""
    lines = build().compile().get_graph().draw_mermaid().splitlines()
    return "\n".join(line for line in lines if HANDLERS not in line)


def parsed(text: str) -> tuple[set[str], set[tuple[str, str]]]:
    """The nodes and edges of a drawing."""
    nodes = set(re.findall(r"^\t([\w-]+)\(", text, re.MULTILINE))
    edges = set(re.findall(r"^\t([\w-]+) -(?:->|\.->) ([\w-]+);", text, re.MULTILINE))
    return nodes, edges


def in_docs() -> str:
    """The drawing in docs/graph.md."""
    found = re.search(r"```mermaid\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert found
    return found.group(1)


def test_the_docs_show_this_graph() -> None:
    """docs/graph.md is stale when this fails: paste the new drawing there."""
    assert in_docs().strip() == drawing().strip()


def test_the_drawing_shows_every_edge() -> None:
    """Nodes and edges of the drawing are those of the compiled graph."""
    graph = build().compile().get_graph()
    nodes, edges = parsed(in_docs())

    assert nodes == {name for name in graph.nodes if HANDLERS not in name}
    assert edges == {(edge.source, edge.target) for edge in graph.edges}


def test_the_docs_explain_every_node() -> None:
    """Each node has a line of its own in docs/graph.md."""
    explained = set(re.findall(r"^\| `([\w-]+)` \|", DOCS.read_text(), re.MULTILINE))

    assert explained == NODES


def test_analyse_may_take_longer_than_two_calls_of_the_slowest_model() -> None:
    """At the highest LLM_TIMEOUT_S, with time left for probes between the calls."""
    slowest = load(llm_timeout_s=120.0).llm_timeout_s

    assert CALLS_AT_MOST * slowest + 30 < ANALYSE_TIMEOUT_S
