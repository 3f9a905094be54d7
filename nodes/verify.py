"""verify: did it work? Polls until stable; never believes, always looks."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from langgraph.runtime import Runtime

from domain.alert import Alert
from domain.decision import Refused, parse_decision
from domain.deps import Deps
from domain.evidence import Evidence, situation
from domain.incident import Attempt
from domain.remedy import Remedy
from domain.state import IncidentState
from domain.verdict import Verdict
from nodes.case import tried
from nodes.observe_again import observe_again
from nodes.signals import Acted, look
from nodes.story import tell
from policy.ladder import GuestScene, Scene
from policy.reading_guest import short_of_memory
from policy.triage import triage

NEXT_LOOK = timedelta(seconds=5)
LATE = 2 * NEXT_LOOK
SLOWEST_S = 2.0
"""Looks within `verify_hold_s` of the act hold a worker, and lie so far apart at most."""
WAITING = 4
START_PERIOD = timedelta(minutes=10)
AGAIN = ("changed", "cleared", "evidence", "at_once", "held")
"""Refusals of the moment: when the world was looked at again, another analysis may find a way."""


async def verify(state: IncidentState, runtime: Runtime[Deps]) -> IncidentState:
    """Look at runtime state, probe and the alert's expression until the verdict stands.

    A long wait comes back as `pending` with `wake_at`. Not healed with budget left gathers the
    next round of evidence for analyse; otherwise the outcome is set.
    """
    deps = runtime.context
    attempt = Attempt.parse(state["attempts"][-1])
    if attempt.result == "refused":
        return await _after_refusal(state, deps, attempt)
    before = await _before(state, deps)
    until = _until(state, deps, attempt, _deadline(state, deps, attempt, before))
    verdict = await _watch(state, runtime, attempt, before, until)
    if verdict.state == "pending":
        now = deps.clock.now()
        wake = min(now + NEXT_LOOK, until.deadline) if until.deadline > now else now + NEXT_LOOK
        return {
            "verdict": verdict.plain(),
            "wake_at": wake.isoformat(),
            "deadline": until.deadline.isoformat(),
        }
    return await _settled(state, runtime, attempt, before, verdict)


@dataclass(frozen=True, kw_only=True)
class Before:
    """What the last round of evidence says of the patient; nothing of it is known without one."""

    broke_in_runtime: bool = False
    health_every_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Until:
    """How long a worker is held by looking, and how long what is looked at has time."""

    hold: datetime
    deadline: datetime


def _deadline(state: IncidentState, deps: Deps, attempt: Attempt, before: Before) -> datetime:
    """The end of patience: longer for `wait`, and until a health check has certainly run.

    One that lies further ahead than patience reaches is none: the clock was put back.
    """
    given, now = state.get("deadline"), deps.clock.now()
    end = datetime.fromisoformat(given) if given else None
    if end is None or end > now + START_PERIOD:
        end = min(attempt.finished_at, now) + _patience(deps, attempt, before)
    return end


def _patience(deps: Deps, attempt: Attempt, before: Before) -> timedelta:
    patience = deps.limits.verify_for_s * (WAITING if attempt.remedy == "wait" else 1)
    if attempt.target.kind != "container":
        patience = max(patience, deps.limits.verify_guest_for_s)
    return timedelta(seconds=patience + before.health_every_s)


async def _watch(
    state: IncidentState,
    runtime: Runtime[Deps],
    attempt: Attempt,
    before: Before,
    until: Until,
) -> Verdict:
    """Look until the verdict stands, or this process has other things to do."""
    deps = runtime.context
    await _nothing_is_steady_yet(deps, attempt)
    now = deps.clock.now()
    acted = Acted(
        alert=Alert.parse(state["alert"]),
        remedy=Remedy.parse(state["remedy"] or {}),
        attempt=attempt,
        broke_in_runtime=before.broke_in_runtime,
        latest=until.deadline + START_PERIOD,
        ended=min(attempt.finished_at, now),
    )
    left = deps.limits.verify_hold_s  # slept, not looked up: the clock may be set meanwhile
    verdict = await look(deps, acted, deadline=until.deadline)
    while verdict.state == "pending" and deps.clock.now() < until.hold and left > 0:
        if runtime.drain_requested:
            break
        pause = _until_next_look(deps, attempt)
        left -= pause
        await deps.clock.sleep(pause)
        verdict = await look(deps, acted, deadline=until.deadline)
    return verdict


def _until(state: IncidentState, deps: Deps, attempt: Attempt, deadline: datetime) -> Until:
    """A deadline that went by with nobody looking (a clock put forward, a standstill) is moved."""
    now, held = deps.clock.now(), timedelta(seconds=deps.limits.verify_hold_s)
    if deadline <= now and not _looked(state, now):
        return Until(hold=now + held, deadline=now + held)
    hold = min(max(now, attempt.finished_at + held), now + held)
    return Until(hold=hold, deadline=deadline)


def _looked(state: IncidentState, now: datetime) -> bool:
    """Whether this is the look that the last one asked for, not one after a standstill."""
    wake = state.get("wake_at")
    return wake is not None and now < datetime.fromisoformat(wake) + LATE


def _until_next_look(deps: Deps, attempt: Attempt) -> float:
    """Seconds, a fifth of those that have passed: the longer it takes, the less a moment counts."""
    passed = (deps.clock.now() - attempt.finished_at).total_seconds()
    return max(deps.limits.verify_poll_s, min(passed / 5, SLOWEST_S))


async def _nothing_is_steady_yet(deps: Deps, attempt: Attempt) -> None:
    """So soon after an act no look could prove that it worked."""
    first = min(deps.limits.stable_for_s, deps.limits.verify_poll_s)
    passed = max(0.0, (deps.clock.now() - attempt.finished_at).total_seconds())
    if passed < first:
        await deps.clock.sleep(first - passed)


async def _before(state: IncidentState, deps: Deps) -> Before:
    ids = [one for one in state.get("evidence", []) if one.startswith(("scene@", "guest_scene@"))]
    seen = await deps.ledger.evidence(state["incident"], ids[-1:])
    if not seen or not seen[0].data:
        return Before()
    if seen[0].kind == "guest_scene":
        guest = GuestScene.parse(seen[0].data).facts
        return Before(broke_in_runtime=not guest.running or short_of_memory(guest))
    facts = Scene.parse(seen[0].data).facts
    broke = facts.status != "running" or facts.health == "unhealthy"
    return Before(broke_in_runtime=broke, health_every_s=facts.health_every_s)


async def _settled(
    state: IncidentState,
    runtime: Runtime[Deps],
    attempt: Attempt,
    before: Before,
    verdict: Verdict,
) -> IncidentState:
    deps = runtime.context
    known = await _recorded(state, deps, attempt, verdict)
    if verdict.state != "not_healed":
        return known
    made = len(tried(known))
    if made >= deps.limits.max_attempts:
        reason = f"still broken after {made} attempts: {verdict.reason}"
        return {**known, "outcome": "escalated", "reason": reason}
    if attempt.result == "unknown":
        reason = f"cannot tell whether {attempt.remedy} took place: {attempt.detail}"
        return {**known, "outcome": "escalated", "reason": reason}
    evidence, more = await _next_round(state, deps)
    known = {**known, **more}
    if more.get("outcome") or triage(situation(evidence), attempt.target.kind).kind == "broken":
        return known
    return {**known, **await _came_up_late(state, runtime, attempt, before)}


async def _recorded(
    state: IncidentState, deps: Deps, attempt: Attempt, verdict: Verdict
) -> IncidentState:
    closed = attempt.model_copy(update={"verdict": verdict.state})
    attempts = [*state["attempts"][:-1], closed.plain()]
    known, said = [Attempt.parse(one) for one in attempts], f"{verdict.state}: {verdict.reason}"
    await tell(
        deps,
        state["incident"],
        "verdict",
        said,
        verdict.plain(),
        attempts=known,
        verdict=verdict,
    )
    return {"attempts": attempts, "verdict": verdict.plain(), "wake_at": None}


async def _came_up_late(
    state: IncidentState, runtime: Runtime[Deps], attempt: Attempt, before: Before
) -> IncidentState:
    """Judged not healed, and no longer broken: nothing more is done, and the last look counts."""
    deps = runtime.context
    patience = min(deps.limits.stable_for_s + deps.limits.verify_poll_s, deps.limits.verify_hold_s)
    end = deps.clock.now() + timedelta(seconds=patience)
    late = await _watch(state, runtime, attempt, before, Until(hold=end, deadline=end))
    if late.state == "healed":
        proved = late.model_copy(update={"reason": f"came up late: {late.reason}"})
        return await _recorded(state, deps, attempt, proved)
    reason = f"{attempt.target.name} looks well now, but that is not proved: {late.reason}"
    return {"outcome": "escalated", "reason": reason}


async def _next_round(state: IncidentState, deps: Deps) -> tuple[list[Evidence], IncidentState]:
    target = Remedy.parse(state["remedy"] or {}).target
    evidence = await observe_again(state, deps, target)
    if not evidence:
        silent = (await deps.containers.inventory()).unreachable.get(target.host)
        reason = f"{target.name} cannot be seen: {silent}" if silent else f"{target.name} is gone"
        return [], {"outcome": "escalated", "reason": reason}
    ids = await deps.ledger.keep_evidence(state["incident"], evidence)
    return evidence, {
        "evidence": [*state.get("evidence", []), *ids],
        "round": state.get("round", 0) + 1,
    }


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
    refused = len(state["attempts"]) - len(tried(state))
    if general or refused >= deps.limits.max_attempts:
        observed = isinstance(decision, Refused) and decision.observed
        outcome = "observed" if observed else "escalated"
        return {**more, "outcome": outcome, "reason": attempt.detail}
    reason = f"nothing was done: {attempt.detail}"
    return {**more, "verdict": Verdict(state="not_healed", reason=reason).plain()}
