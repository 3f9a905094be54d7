"""notify: the last word, for the people who were or will be told."""

from typing import cast

from langgraph.runtime import Runtime

from domain.decision import parse_decision
from domain.deps import Deps
from domain.diagnosis import Diagnosis
from domain.incident import Attempt, Outcome
from domain.state import IncidentState
from domain.verdict import Verdict
from nodes.story import tell
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
    await tell(runtime.context, state["incident"], "outcome", reason, {"outcome": outcome})
    return {"outcome": outcome, "reason": reason, "notified": True, "wake_at": None}
