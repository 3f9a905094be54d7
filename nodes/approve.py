"""approve: a person's yes or no to exactly this remedy on these facts."""

from datetime import timedelta
from typing import Literal

from langgraph.runtime import Runtime
from langgraph.types import interrupt

from domain.decision import Allowed, Approval, Refused, parse_decision
from domain.deps import Deps
from domain.diagnosis import Diagnosis
from domain.plain import Plain
from domain.remedy import Remedy
from domain.state import IncidentState
from nodes.reach import inspect
from policy.answer import read_answer


async def approve(state: IncidentState, runtime: Runtime[Deps]) -> IncidentState:
    """Ask once, then read the answer from the ledger; the interrupt holds no worker.

    Ends as allowed, denied, expired (escalated) or gone: the alert was resolved and the target
    is well again.
    """
    deps, incident = runtime.context, state["incident"]
    remedy = Remedy.parse(state["remedy"] or {})
    now = deps.clock.now()
    answer = await deps.ledger.approval(incident, remedy.digest)
    expires = await deps.ledger.approval_expires(incident, remedy.digest)
    request = _request(state, remedy)
    if answer is None and expires is None:
        expires = now + timedelta(seconds=deps.limits.approval_ttl_s)
        await deps.ledger.ask(incident, digest=remedy.digest, request=request, expires_at=expires)
    elif answer is None and expires is not None and now >= expires:
        return {"outcome": "escalated", "reason": f"nobody answered: {remedy.name} was not done"}
    if answer is None and await _gone(deps, incident, remedy):
        return {"outcome": "self_resolved", "reason": "resolved before anybody answered"}
    return _heed(answer or _from_studio(remedy, interrupt(request)))


def _heed(answer: Approval) -> IncidentState:
    words = f"by {answer.by}" + (f": {answer.reason}" if answer.reason else "")
    if answer.answer == "approve":
        return {"decision": Allowed(reason=f"approved {words}").plain()}
    return {
        "decision": Refused(rule="person", reason=f"denied {words}").plain(),
        "outcome": "denied",
        "reason": f"denied {words}",
    }


def _from_studio(remedy: Remedy, resumed: object) -> Approval:
    word: Literal["approve", "deny"] = read_answer(resumed)
    return Approval(digest=remedy.digest, answer=word, by="studio")


async def _gone(deps: Deps, incident: str, remedy: Remedy) -> bool:
    if (await deps.ledger.incident(incident)).cleared_at is None:
        return False
    return (await inspect(deps, remedy.target)).well


def _request(state: IncidentState, remedy: Remedy) -> Plain:
    """The request in the shape that agent-inbox (`args`) and Studio (`arguments`) both show."""
    diagnosis = Diagnosis.parse(state["diagnosis"] or {})
    decision = parse_decision(state["decision"] or {})
    args: Plain = {
        "target": remedy.target.key,
        "digest": remedy.digest,
        "risk": remedy.risk,
        "reversible": remedy.reversible,
        "expect": remedy.expect,
        "undo": remedy.undo,
    }
    action: Plain = {
        "name": remedy.name,
        "args": args,
        "arguments": args,
        "description": f"{diagnosis.summary} ({decision.reason})",
    }
    review: Plain = {"action_name": remedy.name, "allowed_decisions": ["approve", "reject"]}
    return {"action_requests": [action], "review_configs": [review]}
