"""analyse: the cause, what proves it, the ladder, and policy's word on the first rung."""

from langgraph.runtime import Runtime

from domain.decision import Allowed, NeedsApproval, Refused
from domain.deps import Deps
from domain.diagnosis import Diagnosis, Match
from domain.evidence import Evidence, situation
from domain.incident import Recall
from domain.journal import Standing
from domain.remedy import Remedy
from domain.state import IncidentState
from nodes.case import case_of, tried
from nodes.reason import Opinion, reason
from nodes.story import tell
from policy import guard
from policy.ladder import GuestScene, Ladder, Scene, build, track
from policy.next_rung import OF_THIS_RUNG, Refusals, barred
from policy.reading import names_in

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
    said = diagnosis.summary, diagnosis.plain()
    await tell(deps, incident, "diagnosis", *said, diagnosis=diagnosis)
    remedy, word = await _choose(state, deps, opinion.ladder, diagnosis, opinion.evidence)
    return {
        "evidence": [*state.get("evidence", []), *opinion.seen],
        "diagnosis": diagnosis.plain(),
        "remedy": remedy.plain() if remedy else None,
        "decision": word.plain() if word else None,
        "verdict": None if remedy else state.get("verdict"),
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
    guest = seen.kind == "guest_scene"
    scene = GuestScene.parse(seen.data) if guest else _named(Scene.parse(seen.data), latest)
    return build(match.remedies, scene, record, tried=tried(state), limits=deps.limits)


def _named(scene: Scene, latest: list[Evidence]) -> Scene:
    """With the dependencies that the patient's own words name: its log, its health check."""
    logs = situation(latest).get("logs", {}).get("mentions", [])
    services = [facts.target.service for facts in scene.dependencies]
    named = [
        *(logs if isinstance(logs, list) else []),
        *names_in(scene.facts.health_output, services),
    ]
    return scene.model_copy(update={"named": named})


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
    """The first rung that policy does not refuse for its own sake; a general no ends the search.

    Every word but a plain yes is told, also where a later rung passes.
    """
    refused: Refusals = []
    for remedy in ladder.rungs:
        case = case_of(state, deps, remedy, diagnosis, latest)
        word = barred(remedy, refused) or guard.judge(case, await _standing(state, deps, remedy))
        await _tell(state, deps, remedy, word)
        if not isinstance(word, Refused) or word.rule not in OF_THIS_RUNG:
            return remedy, word
        refused.append((remedy, word))
    return None, refused[-1][1] if refused else None


async def _tell(state: IncidentState, deps: Deps, remedy: Remedy, word: Word) -> None:
    if not isinstance(word, Allowed):
        said = f"{remedy.name}: {word.kind}, {word.reason}"
        await tell(deps, state["incident"], "policy", said, word.plain())


async def _standing(state: IncidentState, deps: Deps, remedy: Remedy) -> Standing:
    incident = state["incident"]
    standing = await deps.ledger.standing(
        incident, thread=incident, fence=state.get("fence", 0), keys=remedy.touches
    )
    # Whether it is resolved heal asks later, and again; for its turn among others heal waits.
    return standing.model_copy(update={"holds_claim": True, "cleared_at": None, "acting": []})
