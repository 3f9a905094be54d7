"""heal: one remedy, allowed and journalled before it is done. Not here: doing it (effects.py)."""

from datetime import datetime, timedelta

from langgraph.runtime import Runtime

from domain.alert import Alert
from domain.decision import Allowed, Refused, parse_decision
from domain.deps import Deps
from domain.diagnosis import Diagnosis
from domain.errors import NightshiftError
from domain.evidence import Evidence, situation
from domain.guests import Facts
from domain.incident import Attempt
from domain.journal import Entry, HeldBy, Intent
from domain.remedy import Remedy
from domain.state import IncidentState
from nodes.case import case_of
from nodes.effects import Word, carry_out
from nodes.observe_again import observe_again
from nodes.reach import inspect
from nodes.silenced import silenced_meanwhile
from nodes.story import tell
from policy import guard
from policy.triage import triage

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
    word, entries, resumed = COPY, list[Entry](), False
    if thread == state["incident"]:
        entries = await deps.ledger.entries(thread, number)
        resumed = bool(entries)
        if resumed:
            word = await _still_allowed(state, deps, remedy, entries)
        else:
            word, entries = await _reserve(state, deps, remedy, number)
        if later := await _later(state, deps, word):
            return later
    result, detail = await carry_out(runtime, entries, word, resumed=resumed)
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


async def _later(state: IncidentState, deps: Deps, word: Word) -> IncidentState | None:
    """When to come back where others go first; None when they do not, or patience is at its end."""
    if not (isinstance(word, Refused) and word.rule in IN_TURN):
        return None
    waited = _waited_for(state)
    if word.rule == "held" != waited:
        await tell(deps, state["incident"], "claimed", f"waits: {word.reason}")
    now, end = deps.clock.now(), state.get("deadline") if waited else None
    left = min(datetime.fromisoformat(end) - now, PATIENCE) if end else PATIENCE
    if left <= timedelta(0):
        return None
    return {
        "decision": word.plain(),
        "wake_at": (now + TURN).isoformat(),
        "deadline": (now + left).isoformat(),
    }


def _waited_for(state: IncidentState) -> str:
    """The rule that it comes back from; empty where it did not have to wait."""
    decision = state.get("decision") or {}
    return str(decision.get("rule", "")) if state.get("wake_at") else ""


async def _full(state: IncidentState, deps: Deps) -> bool:
    """Whether it waits for its turn and still has none: then nothing else need be looked at."""
    if _waited_for(state) != "at_once":
        return False
    incident, fence = state["incident"], state.get("fence", 0)
    standing = await deps.ledger.standing(incident, thread=incident, fence=fence, keys=[])
    return len(standing.acting) >= deps.limits.max_actions_at_once


async def _reserve(
    state: IncidentState, deps: Deps, remedy: Remedy, number: int
) -> tuple[Word, list[Entry]]:
    """Claim all that it touches, then policy's word; where it allows, what is now to be done."""
    incident = state["incident"]
    if await _full(state, deps):
        return parse_decision(state["decision"] or {}), []
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
    """Policy's word on what was promised before a crash and has not gone out.

    Without a checkpoint the evidence of the promise is not known any more.
    """
    failed = any(entry.result and entry.result.result != "done" for entry in entries)
    if failed or all(entry.called_at or entry.result for entry in entries):
        return Allowed()
    if [entry.intent.effect for entry in entries] != remedy.effects:
        return Refused(rule="changed", reason="something else was promised before the restart")
    if not state.get("evidence"):
        return Refused(rule="evidence", reason="what it was promised on is not known any more")
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
    if _waited_for(state) == "held":
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
