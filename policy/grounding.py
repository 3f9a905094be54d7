"""Is a model's answer founded on what was observed? Not here: the answer, or permission to act.

Anything that is wrong makes the whole answer useless: who invents a remedy or cites what nobody
observed is not believed in the rest.
"""

import re

from domain.evidence import Evidence
from domain.plain import Record
from domain.reasoning import PROBES_AT_MOST, SUMMARY_CHARS, Answer, Question
from policy.abstract import clean
from policy.asking import NO_EFFECT

STATES = frozenset(
    {"container", "guest", "node", "host", "stop", "dependencies", "probe", "events"}
)
PROOF: dict[str, frozenset[str]] = {
    "crashed": frozenset({"container", "stop"}),
    "crash_loop": frozenset({"container", "events", "timeline"}),
    "bad_config": frozenset({"container", "events", "timeline"}),
    "out_of_memory": frozenset({"container", "guest", "stop", "events", "stats"}),
    "memory_leak": frozenset({"memory_trend", "memory_history", "stats", "guest"}),
    "host_out_of_memory": frozenset({"stop", "events", "neighbours", "node"}),
    "hung": frozenset({"container", "probe", "guest"}),
    "not_serving": frozenset({"probe", "expression", "container"}),
    "dependency_down": frozenset({"dependencies"}),
    "dependency_unwell": frozenset({"dependencies"}),
    "network_cut": frozenset({"container", "stop", "probe"}),
    "volume_full": frozenset({"volumes"}),
    "start_refused": frozenset({"container", "guest"}),
    "flapping": frozenset({"events", "timeline", "container"}),
    "overloaded": frozenset({"stats", "memory_trend", "memory_history", "probe", "guest"}),
    "host_down": frozenset({"neighbours", "node", "guest", "host"}),
    "stopped_by_person": frozenset({"stop", "guest"}),
}
"""By cause, the observations that can prove it; for others, any state of the target."""
HEARSAY = frozenset({"alert", "logs", "more_logs", "dependency_logs", "attempts"})
"""What the poster of an alert, the writer of a log line or we ourselves say proves no fault."""
_LINK = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+|\bwww\.\S+", re.IGNORECASE)


class Grounded(Record):
    """An answer that holds; `summary` is fit to be shown, `evidence` exists."""

    cause: str
    summary: str
    evidence: list[str]
    remedies: list[str]
    probes: list[str]


class Ungrounded(Record):
    """Why the answer is not used."""

    reason: str


def ground(answer: Answer, question: Question, evidence: list[Evidence]) -> Grounded | Ungrounded:
    """Check every word of the answer against what was asked and observed."""
    complaint = _invented(answer, question) or _unproved(answer, evidence)
    if complaint:
        return Ungrounded(reason=complaint)
    return Grounded(
        cause=answer.cause,
        summary=clean(_LINK.sub("(link)", answer.summary), SUMMARY_CHARS),
        evidence=list(dict.fromkeys(answer.evidence)),
        remedies=list(dict.fromkeys(answer.remedies)),
        probes=list(dict.fromkeys(answer.probes))[:PROBES_AT_MOST],
    )


def _invented(answer: Answer, question: Question) -> str:
    """What it names that was not on offer."""
    known = {
        "cause": ([answer.cause], set(question.causes)),
        "evidence": (answer.evidence, {item.id for item in question.evidence}),
        "remedy": (answer.remedies, {one.name for one in question.remedies} | set(NO_EFFECT)),
        "probe": (answer.probes, {one.name for one in question.probes}),
    }
    for what, (named, offered) in known.items():
        unknown = [clean(name, 40) for name in named if name not in offered]
        if unknown:
            return f"its {what} {', '.join(unknown[:3])} was not on offer"
    return "" if answer.summary.strip() else "it gives no reason"


def _unproved(answer: Answer, evidence: list[Evidence]) -> str:
    """A remedy with effects needs an observation that can prove the cause."""
    acts = [name for name in answer.remedies if name not in NO_EFFECT]
    if not acts or answer.probes:
        return ""
    cited = {one.kind for one in evidence if one.id in answer.evidence and one.status == "ok"}
    proof = PROOF.get(answer.cause, STATES) - HEARSAY
    if cited & proof:
        return ""
    said = ", ".join(sorted(cited)) or "nothing"
    return f"it wants {acts[0]} for {answer.cause}, and cites {said}, which cannot prove that"
