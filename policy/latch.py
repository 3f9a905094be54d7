"""When a target has come back too often to be touched again. Not here: keeping it (memory)."""

from collections.abc import Sequence

from domain.decision import Refused
from domain.incident import Outcome
from domain.journal import PastAttempt, Standing
from domain.limits import Limits

COMES_BACK = ("latched", "cooldown")
"""Rules whose refusal means that what was tried did not hold."""


def did_not_hold(recent: Sequence[PastAttempt], keys: Sequence[str]) -> int:
    """How many actions on these targets failed, or healed what soon was broken again."""
    bad = {
        (past.incident, past.at)
        for past in recent
        if past.target_key in keys and past.verdict not in ("healed", "pending")
    }
    return len(bad)


def latching(
    outcome: Outcome, *, cause: str, decision: object, standing: Standing, key: str, limits: Limits
) -> str:
    """Why this end is the last of its kind: its target is latched. Empty where it is not."""
    if outcome != "escalated" or standing.latched:
        return ""
    if cause == "flapping":
        return "it comes and goes"
    times = did_not_hold(standing.recent, [key])
    if times >= limits.latch_after or (isinstance(decision, Refused) and _comes_back(decision)):
        return f"what was done did not hold {times} times"
    return ""


def _comes_back(decision: Refused) -> bool:
    return decision.rule in COMES_BACK
