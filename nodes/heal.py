"""heal: one remedy, journalled before it is done, done once, and looked for after a crash."""

from datetime import datetime, timedelta
from typing import Literal

from langgraph.runtime import Runtime

from domain.alert import Alert
from domain.decision import Allowed, NeedsApproval, Refused
from domain.deps import Deps
from domain.diagnosis import Diagnosis
from domain.errors import NightshiftError, Permanent, Transient
from domain.evidence import Evidence, situation
from domain.guests import Facts
from domain.incident import Attempt, Event
from domain.journal import EffectResult, Entry, HeldBy, Intent
from domain.remedy import Remedy
from domain.state import IncidentState
from nodes.case import case_of
from nodes.observe_again import observe_again
from nodes.reach import act, inspect
from nodes.rest import rest
from nodes.silenced import silenced_meanwhile
from policy import guard
from policy.settle import still_fits, took_place
from policy.triage import triage

Word = Allowed | NeedsApproval | Refused
Result = Literal["done", "refused", "failed", "unknown"]
IN_TURN = ("at_once", "held")
"""Refusals that pass when others are done: the incident comes back, and holds no worker."""
TURN, PATIENCE = timedelta(seconds=2), timedelta(seconds=60)
COPY: Word = Refused(rule="claim", reason="only the incident's own run may act, not a copy of it")


async def heal(state: IncidentState, runtime: Runtime[Deps]) -> IncidentState:
    """Reserve, compare, act and journal each effect of the chosen remedy.

    Where others go first it comes back as `wake_at`. Run again after a crash it finds its intents
    in the journal: what was called is looked for, and for what was not policy is asked again.
    """
    deps, began = runtime.context, runtime.context.clock.now()
    remedy = Remedy.parse(state["remedy"] or {})
    number = len(state.get("attempts", [])) + 1
    thread = runtime.execution_info.thread_id if runtime.execution_info else None
    word, entries = COPY, list[Entry]()
    if thread == state["incident"]:
        entries = await deps.ledger.entries(thread, number)
        if entries:
            word = await _still_allowed(state, deps, remedy, entries)
        else:
            word, entries = await _reserve(state, deps, remedy, number)
        if later := _later(state, deps, word):
            return later
    result, detail = await _carry_out(runtime, entries, word)
    attempt = Attempt(
        number=number,
        remedy=remedy.name,
        target=remedy.target,
        touched=list(dict.fromkeys(effect.target.name for effect in remedy.effects)),
        result=result,
        detail=detail,
        started_at=entries[0].intent.at if entries else began,
        finished_at=deps.clock.now(),
    )
    attempts = [*state.get("attempts", []), attempt.plain()]
    if word is not COPY:
        known = [Attempt.parse(values) for values in attempts]
        await deps.ledger.update(state["incident"], attempts=known)
    return {"attempts": attempts, "decision": word.plain(), "deadline": None, "wake_at": None}


def _later(state: IncidentState, deps: Deps, word: Word) -> IncidentState | None:
    """When to come back where others go first; None when they do not, or patience is at its end."""
    if not (isinstance(word, Refused) and word.rule in IN_TURN):
        return None
    now, end = deps.clock.now(), state.get("deadline") if state.get("wake_at") else None
    left = min(datetime.fromisoformat(end) - now, PATIENCE) if end else PATIENCE
    if left <= timedelta(0):
        return None
    return {
        "decision": word.plain(),
        "wake_at": (now + TURN).isoformat(),
        "deadline": (now + left).isoformat(),
    }


async def _reserve(
    state: IncidentState, deps: Deps, remedy: Remedy, number: int
) -> tuple[Word, list[Entry]]:
    """Claim all that it touches, then policy's word; where it allows, what is now to be done."""
    incident = state["incident"]
    taken = await _claimed(state, deps, sorted({remedy.target.key, *remedy.touches}))
    if taken:
        return taken, []
    try:
        intents = await _intents(incident, deps, remedy, number, state.get("fence", 0))
    except NightshiftError as error:
        reason = f"the target could not be inspected: {error}"
        return Refused(rule="changed", reason=reason), []
    word = await _allowed(state, deps, remedy, intents)
    reserved = intents if isinstance(word, Allowed) else []
    return word, [Entry(intent=intent) for intent in reserved]


async def _still_allowed(
    state: IncidentState, deps: Deps, remedy: Remedy, entries: list[Entry]
) -> Word:
    """Policy's word on what was promised before a crash and has not gone out."""
    if all(entry.called_at or entry.result for entry in entries):
        return Allowed()
    return await _allowed(state, deps, remedy, [entry.intent for entry in entries])


async def _allowed(state: IncidentState, deps: Deps, remedy: Remedy, intents: list[Intent]) -> Word:
    """Policy's word, and the intents with it in one transaction."""
    incident = state["incident"]
    evidence = await deps.ledger.evidence(incident, state.get("evidence", []))
    latest = list({item.kind: item for item in evidence}.values())
    diagnosis = Diagnosis.parse(state["diagnosis"] or {})
    case = case_of(state, deps, remedy, diagnosis, latest)
    silenced = await silenced_meanwhile(deps, incident, Alert.parse(state["alert"]))
    case = case.model_copy(update={"silenced": silenced or case.silenced})
    if not intents:
        standing = await deps.ledger.standing(
            incident, thread=incident, fence=state.get("fence", 0), keys=[]
        )
        return guard.judge(case, standing)
    recovered = _recovered(intents, case.by_key)
    if recovered:
        return Refused(rule="changed", reason=f"{recovered} recovered by itself meanwhile")
    if (await deps.ledger.incident(incident)).cleared_at is not None:
        fresh = await observe_again(state, deps, remedy.target)
        word = triage(situation(fresh), remedy.target.kind)
        if word.kind != "broken":
            return Refused(rule="changed", reason=f"Alertmanager says resolved; {word.reason}")
        again = case_of(state, deps, remedy, _of_now(diagnosis, latest, fresh), fresh)
        case = again.model_copy(update={"silenced": case.silenced})
    return await deps.ledger.reserve(intents, lambda standing: guard.judge(case, standing))


def _of_now(diagnosis: Diagnosis, latest: list[Evidence], fresh: list[Evidence]) -> Diagnosis:
    """The diagnosis, resting on this round's observations of the kinds that it cites."""
    kinds = {item.kind for item in latest if item.id in diagnosis.evidence}
    cited = [item.id for item in fresh if item.kind in kinds]
    return diagnosis.model_copy(update={"evidence": cited})


async def _claimed(state: IncidentState, deps: Deps, keys: list[str]) -> Refused | None:
    """Claim everything; who had to wait for another incident's end has to look again."""
    claim = await deps.ledger.claim(state["incident"], keys)
    if isinstance(claim, HeldBy):
        reason = f"another incident is at work on {claim.target_key}"
        return Refused(rule="held", reason=reason)
    before = (state.get("decision") or {}).get("rule") if state.get("wake_at") else None
    if before == "held":
        reason = "another incident was at work on it meanwhile"
        return Refused(rule="changed", reason=reason)
    return None


def _recovered(intents: list[Intent], by_key: dict[str, Facts]) -> str:
    """Who was not well when this was decided, perhaps hours before a person's yes, and is now."""
    was_well = {facts.target.id: facts.well for facts in by_key.values()}
    seen = [intent.seen for intent in intents if intent.seen.well]
    return ", ".join(one.target.name for one in seen if was_well.get(one.target.id) is False)


async def _intents(
    incident: str, deps: Deps, remedy: Remedy, number: int, fence: int
) -> list[Intent]:
    now = deps.clock.now()
    thread = incident
    return [
        Intent(
            key=f"{incident}/{number}/{position}",
            incident=incident,
            attempt=number,
            position=position,
            remedy=remedy.name,
            effect=effect,
            fence=fence,
            thread=thread,
            seen=await inspect(deps, effect.target),
            at=now,
        )
        for position, effect in enumerate(remedy.effects)
    ]


async def _carry_out(
    runtime: Runtime[Deps], entries: list[Entry], word: Word
) -> tuple[Result, str]:
    """Each effect in order; the first that is not done ends the attempt."""
    deps = runtime.context
    if not entries and not isinstance(word, Allowed):
        return "refused", word.reason
    details: list[str] = []
    for entry in entries:
        result = entry.result
        if result is None:
            result = await _once(runtime, entry, word)
            await deps.ledger.conclude(entry.intent.key, result, event=_told(deps, entry, result))
        details.append(result.detail)
        if result.result != "done":
            partly = result.result == "refused" and len(details) > 1
            return ("failed" if partly else result.result), "; ".join(details)
    return "done", "; ".join(details) or "nothing to change"


def _told(deps: Deps, entry: Entry, result: EffectResult) -> Event:
    effect = entry.intent.effect
    said = f"{effect.verb} {effect.target.name}: {result.detail}"
    return Event(kind="effect", at=deps.clock.now(), text=said, data=result.plain())


async def _once(runtime: Runtime[Deps], entry: Entry, word: Word) -> EffectResult:
    """Do it if it has not been done, may be done and still fits.

    A call that had gone out before a crash and is not to be seen may still take place, however
    long one waits: it is not made again.
    """
    deps, intent = runtime.context, entry.intent
    if entry.called_at:
        return await _look_for(runtime, intent, entry.called_at, "the process ended meanwhile")
    if not isinstance(word, Allowed):
        return _result(deps, "refused", word.reason)
    try:
        now = await inspect(deps, intent.effect.target)
    except NightshiftError as error:
        return _result(deps, "refused", f"the target could not be inspected: {error}")
    reason = still_fits(intent.effect, intent.seen, now) or await deps.ledger.call(intent)
    if reason:
        return _result(deps, "refused", reason)
    return await _act(runtime, intent)


async def _act(runtime: Runtime[Deps], intent: Intent) -> EffectResult:
    deps, called_at = runtime.context, runtime.context.clock.now()
    try:
        done = await act(deps, intent.effect)
    except Permanent as error:
        return _result(deps, "failed", str(error))
    except Transient as error:
        return await _look_for(runtime, intent, called_at, str(error))
    return _result(deps, "done", done.detail)


async def _look_for(
    runtime: Runtime[Deps], intent: Intent, called_at: datetime, error: str
) -> EffectResult:
    """The call was sent and nobody answered: look whether it took place; never send it again."""
    deps = runtime.context
    await _settle(runtime, called_at)
    try:
        now = await inspect(deps, intent.effect.target)
    except NightshiftError as blind:
        return _result(deps, "unknown", f"{error}; then {blind}")
    if took_place(intent.effect, intent.seen, now):
        return _result(deps, "done", f"took place although {error}", settled=True)
    return _result(deps, "unknown", f"sent, not answered and not visible: {error}")


async def _settle(runtime: Runtime[Deps], since: datetime) -> None:
    """Wait until a call sent then must have ended, one way or the other.

    A clock put back meanwhile makes it wait the whole time once more, and never longer.
    """
    deps = runtime.context
    passed = max(0.0, (deps.clock.now() - since).total_seconds())
    await rest(runtime, deps.limits.settle_s - passed)


def _result(deps: Deps, result: Result, detail: str, *, settled: bool = False) -> EffectResult:
    return EffectResult(result=result, detail=detail, at=deps.clock.now(), settled=settled)
