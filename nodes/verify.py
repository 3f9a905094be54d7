"""verify: did it work? Polls until stable; never believes, always looks."""

from contextlib import suppress
from datetime import datetime, timedelta

from langgraph.runtime import Runtime

from domain.alert import Alert
from domain.decision import Refused, parse_decision
from domain.deps import Deps
from domain.errors import NightshiftError
from domain.evidence import Evidence, situation
from domain.incident import Attempt
from domain.remedy import Remedy
from domain.state import IncidentState
from domain.verdict import Verdict
from nodes.case import tried
from nodes.observe import observe
from nodes.reach import survey
from nodes.signals import Acted, look
from nodes.story import tell
from policy.ladder import GuestScene
from policy.reading_guest import short_of_memory
from policy.triage import triage

NEXT_LOOK = timedelta(seconds=5)
WAITING = 4
START_PERIOD = timedelta(minutes=10)
AGAIN = ("changed",)
"""Refusals after which the world looks different: worth another analysis."""


async def verify(state: IncidentState, runtime: Runtime[Deps]) -> IncidentState:
    """Look at runtime state, probe and the alert's expression until the verdict stands.

    A long wait comes back as `pending` with `wake_at`. Not healed with budget left gathers the
    next round of evidence for analyse; otherwise the outcome is set.
    """
    deps = runtime.context
    attempt = Attempt.parse(state["attempts"][-1])
    if attempt.result == "refused":
        return await _after_refusal(state, deps, attempt)
    deadline = await _deadline(state, deps, attempt)
    verdict = await _watch(state, deps, attempt, deadline)
    if verdict.state == "pending":
        wake = (deps.clock.now() + NEXT_LOOK).isoformat()
        return {"verdict": verdict.plain(), "wake_at": wake, "deadline": deadline.isoformat()}
    return await _settled(state, deps, attempt, verdict)


async def _deadline(state: IncidentState, deps: Deps, attempt: Attempt) -> datetime:
    """The end of patience: longer for `wait`, and until a health check has certainly run."""
    given = state.get("deadline")
    if given:
        return datetime.fromisoformat(given)
    patience = deps.limits.verify_for_s * (WAITING if attempt.remedy == "wait" else 1)
    if attempt.target.kind != "container":
        patience = max(patience, deps.limits.verify_guest_for_s)
    else:
        with suppress(NightshiftError):
            patience += (await deps.containers.facts(attempt.target)).health_every_s
    return attempt.finished_at + timedelta(seconds=patience)


async def _watch(state: IncidentState, deps: Deps, attempt: Attempt, deadline: datetime) -> Verdict:
    acted = Acted(
        alert=Alert.parse(state["alert"]),
        remedy=Remedy.parse(state["remedy"] or {}),
        attempt=attempt,
        broke_in_runtime=await _broke_in_runtime(state, deps),
        latest=deadline + START_PERIOD,
    )
    hold = deps.clock.now() + timedelta(seconds=deps.limits.verify_hold_s)
    verdict = await look(deps, acted, deadline=deadline)
    while verdict.state == "pending" and deps.clock.now() < hold:
        await deps.clock.sleep(deps.limits.verify_poll_s)
        verdict = await look(deps, acted, deadline=deadline)
    return verdict


async def _broke_in_runtime(state: IncidentState, deps: Deps) -> bool:
    ids = [
        one for one in state.get("evidence", []) if one.startswith(("container@", "guest_scene@"))
    ]
    seen = await deps.ledger.evidence(state["incident"], ids[-1:])
    if seen and seen[0].kind == "guest_scene":
        guest = GuestScene.parse(seen[0].data).facts
        return not guest.running or short_of_memory(guest)
    container = seen[0].data if seen else {}
    return container.get("status") != "running" or container.get("health") == "unhealthy"


async def _settled(
    state: IncidentState, deps: Deps, attempt: Attempt, verdict: Verdict
) -> IncidentState:
    known = await _recorded(state, deps, attempt, verdict)
    if verdict.state != "not_healed":
        return known
    if len(known["attempts"]) >= deps.limits.max_attempts:
        reason = f"still broken after {len(known['attempts'])} attempts: {verdict.reason}"
        return {**known, "outcome": "escalated", "reason": reason}
    if attempt.result == "unknown":
        reason = f"cannot tell whether {attempt.remedy} took place: {attempt.detail}"
        return {**known, "outcome": "escalated", "reason": reason}
    evidence, more = await _next_round(state, deps)
    known = {**known, **more}
    if more.get("outcome") or triage(situation(evidence), attempt.target.kind).kind == "broken":
        return known
    return {**known, **await _came_up_late(state, deps, attempt)}


async def _recorded(
    state: IncidentState, deps: Deps, attempt: Attempt, verdict: Verdict
) -> IncidentState:
    closed = attempt.model_copy(update={"verdict": verdict.state})
    attempts = [*state["attempts"][:-1], closed.plain()]
    incident = state["incident"]
    await deps.ledger.update(
        incident, attempts=[Attempt.parse(one) for one in attempts], verdict=verdict
    )
    await tell(deps, incident, "verdict", f"{verdict.state}: {verdict.reason}", verdict.plain())
    return {"attempts": attempts, "verdict": verdict.plain(), "wake_at": None}


async def _came_up_late(state: IncidentState, deps: Deps, attempt: Attempt) -> IncidentState:
    """Judged not healed, and no longer broken: nothing more is done, and the last look counts."""
    patience = min(deps.limits.stable_for_s + deps.limits.verify_poll_s, deps.limits.verify_hold_s)
    late = await _watch(state, deps, attempt, deps.clock.now() + timedelta(seconds=patience))
    if late.state == "healed":
        proved = late.model_copy(update={"reason": f"came up late: {late.reason}"})
        return await _recorded(state, deps, attempt, proved)
    reason = f"{attempt.target.name} looks well now, but that is not proved: {late.reason}"
    return {"outcome": "escalated", "reason": reason}


async def _next_round(state: IncidentState, deps: Deps) -> tuple[list[Evidence], IncidentState]:
    target = Remedy.parse(state["remedy"] or {}).target
    inventory, cluster = await survey(deps)
    if target.kind == "container" and all(one.target != target for one in inventory.containers):
        gone: IncidentState = {"outcome": "escalated", "reason": f"{target.name} is gone"}
        return [], gone
    round_ = state.get("round", 0) + 1
    evidence = await observe(
        deps,
        alert=Alert.parse(state["alert"]),
        target=target,
        everyone=inventory.containers,
        cluster=cluster,
        round_=round_,
        tried=tried(state),
    )
    ids = await deps.ledger.keep_evidence(state["incident"], evidence)
    return evidence, {"evidence": [*state.get("evidence", []), *ids], "round": round_}


async def _after_refusal(state: IncidentState, deps: Deps, attempt: Attempt) -> IncidentState:
    """Nothing was done: look whether it is still broken, and analyse anew if the world changed."""
    evidence, more = await _next_round(state, deps)
    if more.get("outcome"):
        return more
    word = triage(situation(evidence), attempt.target.kind)
    if word.kind != "broken":
        return {**more, "outcome": "self_resolved", "reason": word.reason, "verdict": None}
    decision = parse_decision(state["decision"] or {})
    general = isinstance(decision, Refused) and decision.rule not in AGAIN
    if general or len(state["attempts"]) >= deps.limits.max_attempts:
        observed = isinstance(decision, Refused) and decision.observed
        outcome = "observed" if observed else "escalated"
        return {**more, "outcome": outcome, "reason": attempt.detail}
    reason = f"nothing was done: {attempt.detail}"
    return {**more, "verdict": Verdict(state="not_healed", reason=reason).plain()}
