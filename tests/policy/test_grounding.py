"""Only what was on offer and observed counts."""

from typing import Any

import pytest

from domain.evidence import Evidence
from domain.reasoning import CAUSES, SUMMARY_CHARS, Answer, Item, Option, Question
from nightshift.testing import evidence
from policy.grounding import HEARSAY, PROOF, Grounded, Ungrounded, ground

OBSERVED = [
    evidence("container"),
    evidence("stop", "ledger"),
    evidence("alert", "alert"),
    evidence("logs"),
    evidence("probe", "prometheus", status="stale"),
]


def question() -> Question:
    """A start and a restart are on offer, and one probe."""
    kept = [
        Item(id=one.id, kind=one.kind, source=one.source, age_s=0, text="x") for one in OBSERVED
    ]
    return Question(
        incident="i1",
        evidence=kept,
        remedies=[Option(name="start", line=""), Option(name="restart", line="")],
        probes=[Option(name="timeline", line="")],
    )


def judged(seen: list[Evidence] | None = None, **changes: Any) -> Grounded | Ungrounded:
    """A sound answer, changed."""
    known: dict[str, Any] = {
        "cause": "crashed",
        "summary": "It crashed.",
        "evidence": ["container@1"],
        "remedies": ["start", "escalate"],
    }
    return ground(Answer.model_validate({**known, **changes}), question(), seen or OBSERVED)


def test_a_sound_answer() -> None:
    """It stands as it is, without repetitions."""
    found = judged(evidence=["container@1", "container@1"], remedies=["start", "start"])

    assert isinstance(found, Grounded)
    assert (found.evidence, found.remedies) == (["container@1"], ["start"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cause": "ghosts"}, "cause ghosts"),
        ({"evidence": ["container@2"]}, "evidence container@2"),
        ({"evidence": ["container@1", "x\n<b>"]}, "evidence x <b>"),
        ({"remedies": ["rm -rf /"]}, "remedy rm -rf /"),
        ({"remedies": ["unpause"]}, "remedy unpause"),
        ({"probes": ["cat /etc/shadow"]}, "probe cat /etc/shadow"),
        ({"summary": "  "}, "gives no reason"),
        ({"evidence": []}, "cites nothing, which cannot prove that"),
        ({"evidence": ["alert@1"]}, "cites alert, which"),
        ({"evidence": ["logs@1", "alert@1"]}, "cites alert, logs, which"),
        ({"evidence": ["probe@1"], "cause": "hung"}, "cites nothing, which"),
        ({"evidence": ["container@1"], "cause": "volume_full"}, "cannot prove that"),
        ({"evidence": ["logs@1"], "cause": "other"}, "cannot prove that"),
    ],
)
def test_an_answer_without_ground(changes: dict[str, Any], words: str) -> None:
    """One word that is not covered makes all of it useless; the reason is fit to be shown."""
    found = judged(**changes)

    assert isinstance(found, Ungrounded)
    assert words in found.reason


def test_who_wants_nothing_done_need_not_prove_it() -> None:
    """Escalating and waiting touch nobody."""
    assert isinstance(judged(remedies=["escalate"], evidence=["logs@1"]), Grounded)
    assert isinstance(judged(remedies=["wait"], evidence=[]), Grounded)


def test_who_wants_to_look_first_need_not_prove_it_yet() -> None:
    """The proof is asked for with the last word."""
    assert isinstance(judged(probes=["timeline"], evidence=[]), Grounded)


def test_the_summary_is_fit_to_be_shown() -> None:
    """One bounded line without links, whoever dictated it."""
    found = judged(summary="Call\n\u202ehttp://evil.example/x now! " + "A" * 999)

    assert isinstance(found, Grounded)
    assert found.summary.startswith("Call (link) now!")
    assert len(found.summary) == SUMMARY_CHARS


def test_hearsay_proves_nothing() -> None:
    """No cause can be proved by what an alert or a log line says."""
    assert not [cause for cause, kinds in PROOF.items() if kinds & HEARSAY]
    assert set(PROOF) <= set(CAUSES)
