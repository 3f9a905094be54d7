from typing import Any

import pytest

from domain.decision import Allowed, NeedsApproval, Refused
from domain.diagnosis import Diagnosis
from domain.incident import Attempt
from domain.remedy import RemedyName
from domain.verdict import Verdict
from nightshift.testing import T0, target
from policy.ladder import NOT_APPLICABLE
from policy.outcome import conclude, proven

CRASHED = Diagnosis(cause="crashed", summary="it crashed", evidence=[], decided_by="runbook")
UNEXPLAINED = Diagnosis(
    cause="unknown", summary="no container answers (name=x)", evidence=[], decided_by="none"
)


def tried(remedy: RemedyName, verdict: str = "pending", result: str = "done") -> Attempt:
    """One attempt with that end."""
    return Attempt.model_validate(
        {
            "number": 1,
            "remedy": remedy,
            "target": target(),
            "result": result,
            "detail": "",
            "started_at": T0,
            "finished_at": T0,
            "verdict": verdict,
        }
    )


def skipping(reason: str) -> Diagnosis:
    """The crash, with a rung that was left out for that reason."""
    return CRASHED.model_copy(update={"skipped": {"start": reason}})


def verdict(state: str) -> Verdict:
    """A verdict with its state as the reason."""
    return Verdict.model_validate({"state": state, "reason": f"seen: {state}"})


def end(**known: Any) -> tuple[str, str]:
    """The outcome and the reason of this state."""
    nothing: dict[str, Any] = {
        "given": None, "reason": "", "diagnosis": CRASHED,
        "decision": None, "attempts": [], "verdict": None,
    }  # fmt: skip
    return conclude(**{**nothing, **known})


NO = Refused(rule="caps", reason="too many")
ASKED = NeedsApproval(rule="mode", reason="mode approve")
ONLY_LOOKING = Refused(rule="mode", reason="would have done start", observed=True)


HEALED = verdict("healed")


@pytest.mark.parametrize(
    ("known", "outcome"),
    [
        ({"given": "denied", "verdict": HEALED}, "denied"),
        ({"given": "failed"}, "failed"),
        ({"verdict": HEALED, "attempts": [tried("start")]}, "resolved"),
        ({"verdict": HEALED, "attempts": [tried("start", result="unknown")]}, "resolved"),
        ({"verdict": HEALED, "attempts": [tried("start", result="refused")]}, "self_resolved"),
        ({"verdict": HEALED, "attempts": [tried("wait")]}, "self_resolved"),
        ({"verdict": HEALED, "decision": Allowed(), "attempts": []}, "self_resolved"),
        ({"decision": ONLY_LOOKING}, "observed"),
        ({"decision": NO}, "escalated"),
        ({"decision": ASKED}, "escalated"),
        ({"verdict": verdict("unknown"), "decision": Allowed()}, "escalated"),
        ({"verdict": verdict("not_healed"), "attempts": [tried("start")]}, "escalated"),
        ({"diagnosis": None}, "escalated"),
        ({"diagnosis": UNEXPLAINED}, "escalated"),
        ({}, "escalated"),
    ],
)  # fmt: skip
def test_the_outcome_follows_from_the_state(known: dict[str, Any], outcome: str) -> None:
    """Only a healed verdict resolves; whatever is unclear escalates."""
    assert end(**known)[0] == outcome


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"given": "failed", "reason": "monitor failed"}, "monitor failed"),
        ({"verdict": verdict("unknown")}, "cannot tell"),
        ({"decision": NO}, "too many"),
        ({"verdict": verdict("not_healed"), "attempts": [tried("start")]}, "after 1 attempt"),
        (
            {"verdict": verdict("not_healed"), "attempts": [tried("start")], "diagnosis": None},
            "seen: not_healed; no runbook explains",
        ),
        ({"diagnosis": UNEXPLAINED}, "name=x"),
        ({"diagnosis": None}, "no runbook explains"),
        ({}, "it crashed: no safe remedy"),
        ({"diagnosis": CRASHED.model_copy(update={"ladder": ["start"]})}, "every remedy was tried"),
        ({"diagnosis": skipping("tried in this incident")}, "every remedy was tried"),
        ({"diagnosis": skipping("did not work 2 time(s) before")}, "is known to fail: it crashed"),
        ({"diagnosis": skipping(NOT_APPLICABLE)}, "it crashed: no safe remedy"),
        ({"attempts": [tried("start", "not_healed")]}, "every remedy was tried"),
        ({"attempts": [tried("start", result="refused")]}, "it crashed: no safe remedy"),
        ({"attempts": [tried("wait", "not_healed")]}, "it crashed: no safe remedy"),
    ],
)
def test_the_reason_says_why(known: dict[str, Any], words: str) -> None:
    """The sentence people read names the proof, the refusal or what was looked for."""
    assert words in end(**known)[1]


def test_only_verified_results_are_proven() -> None:
    """Unknown and pending prove nothing, and waiting is no remedy."""
    attempts = [
        tried("start", "unknown"),
        tried("restart", "not_healed"),
        tried("raise_memory", "pending"),
        tried("wait", "not_healed"),
        tried("unpause", "healed"),
    ]

    assert proven(attempts) == ("unpause", ["restart"])


def test_what_healed_in_the_end_did_not_fail() -> None:
    """A remedy that failed first and healed later is not learned as a failure."""
    assert proven([tried("restart", "not_healed"), tried("restart", "healed")]) == ("restart", [])


def test_nothing_tried_proves_nothing() -> None:
    """An incident without attempts teaches no remedy."""
    assert proven([]) == (None, [])
