"""notify: the last word, for the people who were or will be told."""

from typing import cast

from langgraph.runtime import Runtime

from domain.decision import parse_decision
from domain.deps import Deps
from domain.diagnosis import Diagnosis
from domain.incident import Attempt, Outcome
from domain.state import IncidentState
from domain.target import Target
from domain.verdict import Verdict
from nodes.story import tell
from policy.latch import latching
from policy.outcome import conclude


async def notify(state: IncidentState, runtime: Runtime[Deps]) -> IncidentState:
    """Decide the outcome and write it to the outbox, which renders and sends it."""
    diagnosis, decision = state.get("diagnosis"), state.get("decision")
    verdict = state.get("verdict")
    outcome, reason = conclude(
        given=cast("Outcome | None", state.get("outcome")),
        reason=state.get("reason", ""),
        diagnosis=Diagnosis.parse(diagnosis) if diagnosis else None,
        decision=parse_decision(decision) if decision else None,
        attempts=[Attempt.parse(one) for one in state.get("attempts", [])],
        verdict=Verdict.parse(verdict) if verdict else None,
    )
    latched = await _latched(state, runtime.context, outcome)
    reason = "; ".join(part for part in (reason, latched) if part)
    await tell(runtime.context, state["incident"], "outcome", reason, {"outcome": outcome})
    return {"outcome": outcome, "reason": reason, "notified": True, "wake_at": None}


async def _latched(state: IncidentState, deps: Deps, outcome: Outcome) -> str:
    """Latch a target that came back too often; how to undo that, in words for people."""
    target, incident = state.get("target"), state["incident"]
    if outcome != "escalated" or target is None:
        return ""
    name, key = Target.parse(target).name, Target.parse(target).key
    standing = await deps.ledger.standing(
        incident, thread=incident, fence=state.get("fence", 0), keys=[key]
    )
    decision, diagnosis = state.get("decision"), state.get("diagnosis")
    why = latching(
        outcome,
        cause=str(diagnosis["cause"]) if diagnosis else "",
        decision=parse_decision(decision) if decision else None,
        standing=standing,
        key=key,
        limits=deps.limits,
    )
    if not why:
        return ""
    await deps.ledger.latch(incident, key, why)
    return f"nothing more is done to it until `nightshift unlatch {name}`"
