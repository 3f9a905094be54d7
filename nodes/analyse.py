"""analyse: the cause, what proves it, the ladder, and policy's word on the first rung."""

from langgraph.runtime import Runtime

from domain.decision import Allowed, NeedsApproval, Refused
from domain.deps import Deps
from domain.diagnosis import Diagnosis, Match
from domain.evidence import Evidence, situation
from domain.facts import ContainerFacts
from domain.incident import Recall
from domain.journal import Standing
from domain.remedy import Remedy
from domain.state import IncidentState
from nodes.case import case_of, tried
from nodes.reason import Opinion, reason
from nodes.story import tell
from policy import guard
from policy.desired import explain
from policy.ladder import GuestScene, Ladder, Scene, build, track
from policy.reading import EVENT_WINDOW

Word = Allowed | NeedsApproval | Refused


async def analyse(state: IncidentState, runtime: Runtime[Deps]) -> IncidentState:
    """Runbooks, what memory has proved, and a model where asked; then policy decides rung by rung.

    Writes diagnosis, remedy and decision; without a rung that policy lets pass, the decision is
    the refusal that ended it.
    """
    deps, incident = runtime.context, state["incident"]
    evidence = await deps.ledger.evidence(incident, state.get("evidence", []))
    latest = list({item.kind: item for item in evidence}.values())
    match = _match(state, deps, latest)
    ladder = _ladder(state, deps, match, latest)
    rules = Opinion(
        diagnosis=_diagnosis(state, match, ladder, latest), ladder=ladder, evidence=latest
    )
    opinion = await reason(state, deps, rules, lambda one: _ladder(state, deps, one, latest))
    diagnosis = opinion.diagnosis
    await deps.ledger.update(incident, diagnosis=diagnosis)
    await tell(deps, incident, "diagnosis", diagnosis.summary, diagnosis.plain())
    remedy, word = await _choose(state, deps, opinion.ladder, diagnosis, opinion.evidence)
    if word and not isinstance(word, Allowed):
        said = f"{remedy.name if remedy else 'nothing'}: {word.kind}, {word.reason}"
        await tell(deps, incident, "policy", said, word.plain())
    return {
        "evidence": [*state.get("evidence", []), *opinion.seen],
        "diagnosis": diagnosis.plain(),
        "remedy": remedy.plain() if remedy else None,
        "decision": word.plain() if word else None,
        "verdict": None,
    }


def _match(state: IncidentState, deps: Deps, latest: list[Evidence]) -> Match | None:
    """The runbook that holds; without a target only one that leaves everything to people."""
    match = deps.rulebook.match(situation(latest))
    return match if state.get("target") or (match and not match.remedies) else None


def _ladder(
    state: IncidentState, deps: Deps, match: Match | None, latest: list[Evidence]
) -> Ladder:
    seen = next((item for item in latest if item.kind in ("scene", "guest_scene")), None)
    if match is None or seen is None or not seen.data:
        return Ladder(rungs=[], skipped={})
    record = track(Recall.parse(state.get("history", {})).exact, cause=match.cause)
    scene = (Scene if seen.kind == "scene" else GuestScene).parse(seen.data)
    return build(match.remedies, scene, record, tried=tried(state), limits=deps.limits)


def _diagnosis(
    state: IncidentState, match: Match | None, ladder: Ladder, latest: list[Evidence]
) -> Diagnosis:
    if match is None:
        reason = state.get("reason") or "no runbook explains what was observed"
        return Diagnosis(cause="unknown", summary=reason, evidence=[], decided_by="none")
    cited = [
        item.id for item in latest if item.kind in {"alert", "container", "guest", *match.needs}
    ]
    return Diagnosis(
        cause=match.cause,
        summary=match.summary,
        evidence=cited,
        decided_by="runbook",
        runbook=match.runbook,
        advice=match.advice,
        ladder=[rung.name for rung in ladder.rungs],
        skipped=ladder.skipped,
    )


async def _choose(
    state: IncidentState,
    deps: Deps,
    ladder: Ladder,
    diagnosis: Diagnosis,
    latest: list[Evidence],
) -> tuple[Remedy | None, Word | None]:
    """The first rung that policy does not refuse for its own sake; a general no ends the search."""
    refusal: Word | None = None
    for remedy in ladder.rungs:
        case = case_of(state, deps, remedy, diagnosis, latest)
        word = guard.judge(case, await _standing(state, deps, remedy))
        if isinstance(word, Allowed) and (asks := await _wanted_down(deps, remedy, case)):
            return remedy, asks
        if not isinstance(word, Refused):
            return remedy, word
        refusal = word
        if word.rule not in ("cooldown", "protected", "blast"):
            return remedy, word
    return None, refusal


async def _wanted_down(deps: Deps, remedy: Remedy, case: guard.Case) -> NeedsApproval | None:
    """What is to be started below the patient may be down because somebody wanted it so."""
    for effect in remedy.effects:
        facts, key = case.by_key.get(effect.target.key), effect.target.key
        if effect.verb != "start" or key == remedy.target.key:
            continue
        if not isinstance(facts, ContainerFacts):
            continue
        since = case.now - EVENT_WINDOW
        ours = [entry.intent.at for entry in await deps.ledger.ours(key, since=since)]
        stop = explain(facts, await deps.ledger.stop_story(key), ours=ours, cut=[])
        if stop.by in ("person", "unexplained"):
            reason = f"somebody may have wanted {facts.target.name} down: {stop.detail}"
            return NeedsApproval(rule="human", reason=reason)
    return None


async def _standing(state: IncidentState, deps: Deps, remedy: Remedy) -> Standing:
    incident = state["incident"]
    standing = await deps.ledger.standing(
        incident, thread=incident, fence=state.get("fence", 0), keys=remedy.touches
    )
    return standing.model_copy(update={"holds_claim": True})
