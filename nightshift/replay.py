"""Deciding an old incident again, from what was recorded, without any effect. Not here: printing.

The graph runs on a new thread in memory over the recording, stops before heal and approve, and
writes nothing. Runbooks, policy, limits and what was learned are today's.
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, cast
from uuid import uuid4

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph.state import CompiledStateGraph
from pydantic import ValidationError

from domain.deps import Deps
from domain.errors import BadConfiguration, NotFound, OverBudget, Permanent
from domain.incident import Usage
from domain.limits import Limits
from domain.plain import Plain
from domain.reasoning import Afford, ModelCall, Reasoner, Spent
from domain.state import IncidentState
from graph.build import build
from memory.store import Store
from nightshift.bounds import bounded
from nightshift.checkpoints import strict_serde
from nightshift.clock import SystemClock
from nightshift.own_tools import own_kinds
from nightshift.recorded import RecordedLedger, recorded_deps
from nightshift.recording import Recording, Step, read_recording
from nightshift.runs import first_state
from nightshift.settings import Settings
from nightshift.wiring import open_reasoner
from nightshift.wiring_store import place_of
from policy.money import NANO
from tools.docker_own import own_container_id
from tools.runbooks import load as load_runbooks

FROM = {"monitor": "", "retrieve-history": "monitor", "analyse": "retrieve-history"}
"""Nodes that a replay may begin at, with the node whose edge leads there."""
DECIDED = ("heal", "approve", "notify")
DIAGNOSED = ("cause", "summary", "decided_by", "runbook", "ladder", "skipped")
SHOWN = ("diagnosis", "remedy", "decision", "outcome")


async def replay(
    store: Store,
    settings: Settings,
    incident_id: str,
    from_node: str,
    *,
    policy: Mapping[str, object] | None = None,
    model: str = "",
) -> Plain:
    """`{"incident", "from", "policy", "then", "now", "different", "model"}`.

    `then` is what was decided, `now` what would be, with `policy` (fields of Limits by name) on
    top of the settings. `model` is asked whatever the rules say; without one none is, and the
    `model` of the result is null. Raises NotFound (no such incident, or nothing recorded to begin
    from), Permanent (no node of that name can be replayed), BadConfiguration (no such limit, no
    model to ask).
    """
    if from_node not in FROM:
        raise Permanent(f"cannot replay from {from_node!r}; choose one of {', '.join(FROM)}")
    asking = settings.model_copy(update={"llm_model": model, "llm_mode": "always"})
    limits = bounded(asking if model else settings, own_id=own_container_id() or "")
    limits = overruled(limits, policy or {})
    recording = await read_recording(store, place_of(settings), incident_id)
    begin, purse = _values_before(recording, from_node), ReplayPurse()
    async with AsyncExitStack() as stack:
        deps = recorded_deps(
            recording,
            rulebook=load_runbooks(settings.nightshift_runbooks, own_kinds(settings)),
            limits=limits,
            ids=begin.get("evidence", []),
            reasoner=_reasoner(asking, stack, purse) if model else None,
        )
        now = _shown(await _decide(begin, from_node, deps))
    then = _shown(next((one.values for one in recording.steps if _is_decided(one)), {}))
    return {
        "incident": incident_id,
        "from": from_node,
        "policy": cast("Plain", {name: limits.plain()[name] for name in policy or {}}),
        "then": then,
        "now": now,
        "different": [key for key in SHOWN if then.get(key) != now.get(key)],
        "model": _heard(model, purse, deps) if model else None,
    }


class ReplayPurse:
    """domain.reasoning.Purse for one replay: bounded like an incident, booked to none."""

    def __init__(self) -> None:
        self._spent: dict[str, tuple[int, int]] = {}
        self.used = Usage()

    async def reserve_call(self, call: ModelCall, afford: Afford) -> str:
        """Raises OverBudget."""
        spent = Spent(
            calls=len(self._spent),
            prompt_tokens=sum(tokens for tokens, _ in self._spent.values()),
            day=sum(cost for _, cost in self._spent.values()),
        )
        if reason := afford(spent):
            raise OverBudget(reason)
        key = str(len(self._spent) + 1)
        self._spent[key] = (call.prompt_tokens, call.cost)
        return key

    async def settle_call(self, key: str, used: Usage, cost: int) -> None:
        """Count what it really took."""
        self._spent[key] = (used.prompt_tokens, cost)
        self.used = Usage(
            model_calls=len(self._spent),
            prompt_tokens=self.used.prompt_tokens + used.prompt_tokens,
            completion_tokens=self.used.completion_tokens + used.completion_tokens,
            dollars=round(sum(cost for _, cost in self._spent.values()) / NANO, 9),
        )


def _reasoner(settings: Settings, stack: AsyncExitStack, purse: ReplayPurse) -> Reasoner:
    found = open_reasoner(settings, stack, purse, SystemClock())
    if found is None:
        raise BadConfiguration("no model is configured: set OPENAI_API_KEY, or LLM_BASE_URL")
    return found


def _heard(model: str, purse: ReplayPurse, deps: Deps) -> Plain:
    """Who was asked, what came of it in the words of the timeline, and what it cost."""
    story = cast("RecordedLedger", deps.ledger).story
    said = [event.text for event in story if event.kind == "model"]
    return {"name": model, "said": "; ".join(said), **purse.used.plain()}


def overruled(limits: Limits, policy: Mapping[str, object]) -> Limits:
    """These limits with others in the places named. Raises BadConfiguration, naming the field."""
    unknown = sorted(set(policy) - set(Limits.model_fields))
    if unknown:
        known = ", ".join(Limits.model_fields)
        raise BadConfiguration(f"there is no limit {', '.join(unknown)}; there are {known}")
    try:
        return Limits.model_validate({**limits.model_dump(), **policy})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BadConfiguration(f"policy {where}: {first['msg']}") from None


def _values_before(recording: Recording, from_node: str) -> IncidentState:
    if from_node == "monitor":
        return {**first_state(recording.incident), "attempts": []}
    step = recording.before(from_node)
    if step is None:
        raise NotFound(
            f"incident {recording.incident.id} has no checkpoint before {from_node!r}: it never "
            "came so far, or is older than NIGHTSHIFT_KEEP_CHECKPOINTS_DAYS"
        )
    return cast("IncidentState", step.values)


def _is_decided(step: Step) -> bool:
    return bool(set(step.next) & set(DECIDED)) and bool(step.values.get("diagnosis"))


def _shown(values: Plain) -> Plain:
    diagnosis, remedy = values.get("diagnosis"), values.get("remedy")
    decision = values.get("decision")
    return {
        "diagnosis": _pick(
            diagnosis, "cause", "summary", "decided_by", "runbook", "ladder", "skipped"
        ),
        "remedy": remedy.get("name") if isinstance(remedy, dict) else None,
        "decision": _pick(decision, "kind", "rule", "reason"),
        "outcome": values.get("outcome"),
    }


def _pick(values: object, *names: str) -> Plain | None:
    return {name: values.get(name) for name in names} if isinstance(values, dict) else None


async def _decide(begin: IncidentState, from_node: str, deps: Deps) -> dict[str, Any]:
    graph: CompiledStateGraph[IncidentState, Deps] = build().compile(
        checkpointer=InMemorySaver(serde=strict_serde())
    )
    config: RunnableConfig = {"configurable": {"thread_id": f"replay-{uuid4()}"}}
    given: IncidentState | None = begin
    if from_node != "monitor":
        config = await graph.aupdate_state(config, begin, as_node=FROM[from_node])
        given = None
    await graph.ainvoke(given, config, context=deps, interrupt_before=[*DECIDED])
    latest: RunnableConfig = {"configurable": {"thread_id": config["configurable"]["thread_id"]}}
    return dict((await graph.aget_state(latest)).values)
