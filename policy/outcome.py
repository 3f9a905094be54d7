"""The last word on an incident, from its state alone. Not here: who is told."""

from collections.abc import Mapping
from typing import cast

from domain.decision import NeedsApproval, Refused
from domain.diagnosis import Diagnosis
from domain.incident import Attempt, Outcome
from domain.verdict import Verdict
from policy.ladder import NOT_APPLICABLE


def conclude(
    *,
    given: Outcome | None,
    reason: str,
    diagnosis: Diagnosis | None,
    decision: object,
    attempts: list[Attempt],
    verdict: Verdict | None,
) -> tuple[Outcome, str]:
    """The outcome and one sentence of proof or advice. What a node already settled stands."""
    if given:
        return given, reason
    if verdict and verdict.state == "healed":
        return _healed(verdict, attempts)
    if isinstance(decision, Refused) and decision.observed:
        return "observed", decision.reason
    if verdict and verdict.state == "unknown":
        return "escalated", f"cannot tell whether it is healed: {verdict.reason}"
    if isinstance(decision, Refused | NeedsApproval):
        return "escalated", decision.reason
    nothing = _nothing_to_do(diagnosis, attempts)
    if verdict:
        made = [one for one in attempts if one.result != "refused"]
        after = f" after {len(made)} attempt(s)" if made else ""
        seen = f"still broken{after}: {verdict.reason}"
        return "escalated", f"{seen}; {nothing}"
    return "escalated", nothing


def _healed(verdict: Verdict, attempts: list[Attempt]) -> tuple[Outcome, str]:
    acted = any(attempt.result in ("done", "unknown") for attempt in attempts if _acts(attempt))
    return ("resolved" if acted else "self_resolved"), verdict.reason


def _acts(attempt: Attempt) -> bool:
    return attempt.remedy not in ("wait", "escalate")


def _nothing_to_do(diagnosis: Diagnosis | None, attempts: list[Attempt]) -> str:
    if diagnosis is None:
        return "no runbook explains what was observed"
    if diagnosis.decided_by == "none":
        return diagnosis.summary
    if diagnosis.ladder or _spent(diagnosis, attempts):
        return f"every remedy was tried or is known to fail: {diagnosis.summary}"
    return f"{diagnosis.summary.rstrip('.')}: no safe remedy"


def _spent(diagnosis: Diagnosis, attempts: list[Attempt]) -> bool:
    """Was anything done, or left out because it is known to fail?"""
    done = any(_acts(one) and one.result != "refused" for one in attempts)
    return done or any(reason != NOT_APPLICABLE for reason in diagnosis.skipped.values())


def proven(attempts: list[Attempt]) -> tuple[str | None, list[str]]:
    """The remedy that verifiably healed, and those that verifiably did not."""
    verdicts: Mapping[str, list[str]] = {
        word: [cast("str", one.remedy) for one in attempts if one.verdict == word and _acts(one)]
        for word in ("healed", "not_healed")
    }
    healed = verdicts["healed"]
    failed = [name for name in dict.fromkeys(verdicts["not_healed"]) if name not in healed]
    return (healed[-1] if healed else None), failed
