"""Whether a model is asked, about what, and what its choice makes of the ladder. Not here: asking.

The rules' rungs stay the rules': a model can leave some of them out, and never adds one. The
order of every ladder is held by policy/ladder.py.
"""

from domain.diagnosis import Diagnosis
from domain.limits import LlmMode
from domain.remedy import LADDER, Remedy, RemedyName
from domain.target import Kind
from policy.ladder import Ladder

NO_EFFECT: tuple[RemedyName, ...] = ("wait", "escalate")


def undecided(diagnosis: Diagnosis, ladder: Ladder) -> bool:
    """No runbook explains it, or all its candidates were tried, failed before or do not apply.

    A runbook that names no remedy has decided: a person has to look.
    """
    if diagnosis.decided_by == "none":
        return True
    return not ladder.rungs and bool(ladder.skipped)


def wanted(mode: LlmMode, diagnosis: Diagnosis, ladder: Ladder) -> bool:
    """Is a model asked?"""
    return mode == "always" or (mode == "auto" and undecided(diagnosis, ladder))


def candidates(kind: Kind) -> list[RemedyName]:
    """All remedies that this kind of target can have at all; code builds those that apply."""
    if kind == "node":
        return []
    guest = kind in ("lxc", "vm")
    return [name for name in LADDER if name not in NO_EFFECT and ("guest" in name) == guest]


def offered(rungs: list[Remedy]) -> list[Remedy]:
    """What a model may choose from where no rule speaks for it: nothing of high risk.

    To take down what others stand on wants a rule that was written and tested for it.
    """
    return [rung for rung in rungs if rung.risk != "high" and rung.name not in NO_EFFECT]


def chosen(ranked: list[str]) -> list[RemedyName]:
    """The remedies a ranking really asks for.

    What comes after `escalate` is not wanted; `wait` counts only as the first choice, for it
    would be tried first.
    """
    upto = ranked[: ranked.index("escalate")] if "escalate" in ranked else ranked
    kept = [name for at, name in enumerate(upto) if name != "wait" or at == 0]
    return [name for name in LADDER if name in kept]


def narrowed(ladder: Ladder, names: list[RemedyName]) -> Ladder:
    """The rules' ladder without the rungs that the model left out; all of it if none is left."""
    rungs = [rung for rung in ladder.rungs if rung.name in names]
    if not rungs:
        return ladder
    left = {rung.name: "the model left it out" for rung in ladder.rungs if rung not in rungs}
    return Ladder(rungs=rungs, skipped={**ladder.skipped, **left})
