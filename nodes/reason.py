"""A model's opinion on top of the rules', checked before it counts. Not here: prompts, HTTP, money.

Whatever goes wrong, the rules' answer stands: nobody waits for a model to be well.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from domain.deps import Deps
from domain.diagnosis import Diagnosis, Match
from domain.errors import NightshiftError, OverBudget
from domain.evidence import Evidence
from domain.incident import Recall, Usage
from domain.plain import Plain
from domain.reasoning import Answer, Option, Question, Reasoner
from domain.remedy import Remedy, RemedyName
from domain.state import IncidentState
from domain.target import Target
from nodes.probes import Sight, on_offer, take
from nodes.story import tell
from policy.abstract import clean, items, past_lines
from policy.asking import NO_EFFECT, candidates, chosen, narrowed, offered, undecided, wanted
from policy.grounding import Grounded, Ungrounded, ground
from policy.ladder import Ladder
from policy.redact import Redactor

Rungs = Callable[[Match], Ladder]
"""Builds the ladder of a match's candidates for this target: what code does for every runbook."""


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """What analyse goes on with; `evidence` grows by what probes saw, whose ids are in `seen`."""

    diagnosis: Diagnosis
    ladder: Ladder
    evidence: list[Evidence]
    seen: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Heard:
    """An answer that holds, and what probes saw on the way to it."""

    answer: Grounded
    model: str
    seen: list[Evidence]


class Unheard(Exception):
    """There is no answer that counts; the text says why."""


async def reason(state: IncidentState, deps: Deps, rules: Opinion, rungs: Rungs) -> Opinion:
    """The rules' opinion, or what a model makes of it where one is to be asked.

    `rules` is what runbooks and memory say. The model's choice is a subset of the rules' rungs,
    or, where these do not decide, of what code can build for the target.
    """
    where = state.get("target")
    if deps.reasoner is None or not where:
        return rules
    if not wanted(deps.limits.llm_mode, rules.diagnosis, rules.ladder):
        return rules
    open_ = undecided(rules.diagnosis, rules.ladder)
    target = Target.parse(where)
    offer = rules.ladder.rungs
    if open_:
        offer = offered(rungs(_match(rules, candidates(target.kind))).rungs)
    try:
        heard = await _hear(state, deps, deps.reasoner, rules, target, offer)
    except Unheard as unheard:
        await _say(state, deps, f"{unheard}; the rules decide", {"result": "rules"})
        return rules
    opinion = _own(rules, heard, rungs) if open_ else _narrowed(rules, heard)
    await _say(state, deps, _words(heard, opinion), {"result": "heard", "model": heard.model})
    if heard.seen:
        ids = await deps.ledger.keep_evidence(state["incident"], heard.seen)
        return replace(opinion, evidence=[*rules.evidence, *heard.seen], seen=ids)
    return opinion


async def _hear(
    state: IncidentState,
    deps: Deps,
    reasoner: Reasoner,
    rules: Opinion,
    target: Target,
    offer: list[Remedy],
) -> Heard:
    """Ask; where the answer is to look first, look and ask once more. Raises Unheard."""
    redact, now = Redactor(), deps.clock.now()
    kinds = {one.kind: one.data for one in rules.evidence if one.status == "ok"}
    sight = Sight(deps=deps, target=target, kinds=kinds, now=now)
    question = _question(state, rules, offer, sight, redact)
    answer = await _ask(reasoner, question)
    first = _grounded(answer, question, rules.evidence)
    if not first.probes:
        return Heard(answer=first, model=answer.model, seen=[])
    seen = await take(sight, first.probes, round_=state.get("round", 0))
    more = [*question.evidence, *items(seen, now=now, redact=redact)]
    last = question.model_copy(update={"evidence": more, "probes": [], "final": True})
    answer = await _ask(reasoner, last)
    final = _grounded(answer, last, [*rules.evidence, *seen])
    return Heard(answer=final, model=answer.model, seen=seen)


def _question(
    state: IncidentState, rules: Opinion, offer: list[Remedy], sight: Sight, redact: Redactor
) -> Question:
    """All that the model is told. Raises Unheard where nothing was observed."""
    observed = items(rules.evidence, now=sight.now, redact=redact)
    if not observed:
        raise Unheard("the model was not asked, for nothing was observed")
    return Question(
        incident=state["incident"],
        evidence=observed,
        past=past_lines(Recall.parse(state.get("history", {})), redact=redact),
        rules=_verdict_of(rules),
        remedies=[_option(rung) for rung in offer if rung.name not in NO_EFFECT],
        probes=on_offer(sight) if undecided(rules.diagnosis, rules.ladder) else [],
    )


async def _ask(reasoner: Reasoner, question: Question) -> Answer:
    try:
        return await reasoner.diagnose(question)
    except OverBudget as error:
        raise Unheard(f"the model was not asked: {error}") from error
    except NightshiftError as error:
        raise Unheard(f"the model gave no answer: {error}") from error


def _grounded(answer: Answer, question: Question, evidence: list[Evidence]) -> Grounded:
    found = ground(answer, question, evidence)
    if isinstance(found, Ungrounded):
        raise Unheard(f"the answer of {answer.model or 'the model'} is not used: {found.reason}")
    return found


def _verdict_of(rules: Opinion) -> str:
    """What the rules make of it, in words that hold nothing from outside."""
    diagnosis = rules.diagnosis
    if diagnosis.decided_by == "none":
        return "no runbook explains what was observed"
    skipped = ", ".join(f"{name} ({why})" for name, why in diagnosis.skipped.items())
    ladder = ", ".join(diagnosis.ladder) or "none"
    left = f"; left out: {skipped}" if skipped else ""
    return f"runbook {diagnosis.runbook}: {diagnosis.cause}; remedies: {ladder}{left}"


def _option(rung: Remedy) -> Option:
    names = ", ".join(dict.fromkeys(effect.target.name for effect in rung.effects))
    return Option(name=rung.name, line=f"on {names}; {rung.risk} risk; expect: {rung.expect}")


def _match(rules: Opinion, names: list[RemedyName], cause: str = "") -> Match:
    """Candidates in the form in which runbooks name theirs."""
    diagnosis = rules.diagnosis
    return Match(
        runbook=diagnosis.runbook,
        title=diagnosis.cause,
        cause=cause or diagnosis.cause,
        summary=diagnosis.summary,
        needs=[],
        remedies=names,
        advice=diagnosis.advice,
        path="",
    )


def _own(rules: Opinion, heard: Heard, rungs: Rungs) -> Opinion:
    """The model's diagnosis: code builds, orders and leaves out what it chose."""
    answer = heard.answer
    ladder = rungs(_match(rules, chosen(answer.remedies), answer.cause))
    alert = [one.id for one in rules.evidence if one.kind == "alert"]
    diagnosis = rules.diagnosis.model_copy(
        update={
            "cause": answer.cause,
            "summary": answer.summary,
            "evidence": list(dict.fromkeys([*alert, *answer.evidence])),
            "decided_by": "model",
            "ladder": [rung.name for rung in ladder.rungs],
            "skipped": {**rules.diagnosis.skipped, **ladder.skipped},
        }
    )
    return replace(rules, diagnosis=diagnosis, ladder=ladder)


def _narrowed(rules: Opinion, heard: Heard) -> Opinion:
    """The rules' diagnosis and proof; of their rungs those that the model wants too."""
    ladder = narrowed(rules.ladder, chosen(heard.answer.remedies))
    if ladder == rules.ladder:
        return rules
    diagnosis = rules.diagnosis.model_copy(
        update={
            "decided_by": "model",
            "ladder": [rung.name for rung in ladder.rungs],
            "skipped": ladder.skipped,
        }
    )
    return replace(rules, diagnosis=diagnosis, ladder=ladder)


def _words(heard: Heard, opinion: Opinion) -> str:
    """What the model is good for here, without a word of its own prose."""
    wants = ", ".join(heard.answer.remedies) or "nothing"
    cites = ", ".join(clean(one, 40) for one in heard.answer.evidence) or "nothing"
    decided = opinion.diagnosis.decided_by == "model"
    rest = "" if decided else "; the rules' remedies stand"
    return f"{heard.model}: {heard.answer.cause}, {wants} (cites {cites}){rest}"


async def _say(state: IncidentState, deps: Deps, text: str, data: Plain) -> None:
    """Put it on record, with what the incident has cost so far."""
    used: Usage = (await deps.ledger.incident(state["incident"])).usage
    await tell(deps, state["incident"], "model", text, {**data, **used.plain()})
