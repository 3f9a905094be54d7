"""What a model gets to see of the evidence."""

from datetime import timedelta

from domain.incident import Episode, PastIncident, Recall
from domain.plain import Plain
from domain.reasoning import Item
from nightshift.testing import T0, evidence
from policy.abstract import RAW_CHARS, clean, fit, items, line_of, log_lines, past_lines, size
from policy.redact import Redactor

NOW = T0 + timedelta(seconds=5)


def shown(kind: str, data: Plain) -> str:
    """The text of one observation."""
    found = items([evidence(kind, data=data)], now=NOW, redact=Redactor())
    return found[0].text if found else ""


def episode(**changes: object) -> Episode:
    """A crash that a start healed."""
    known = {
        "incident": "i1", "alert_name": "ContainerDown", "service": "web", "kind": "container",
        "cause": "crashed", "severity": "critical", "symptom": "", "root_cause": "", "at": T0,
        "remediation_taken": "start", "outcome": "resolved", "healed_by": "start", "failed": [],
        "resolution_time": 1.0,
    }  # fmt: skip
    return Episode.model_validate({**known, **changes})


def test_only_fields_that_matter_and_say_something() -> None:
    """Ids stay at home; false, zero and empty are left out; an exit code of 0 is news."""
    data: Plain = {"id": "f" * 64, "status": "exited", "exit_code": 0, "oom_killed": False,
                   "memory_limit": 64 * 1024**2, "missing_networks": [], "up_s": 0.0}  # fmt: skip

    assert shown("container", data) == "status=exited; exit_code=0; memory_limit=64MiB"


def test_what_code_alone_needs_is_not_shown() -> None:
    """Whole inspections, failed observations and empty ones."""
    kept = [
        evidence("scene", data={"facts": {"id": "x"}}),
        evidence("probe", status="error", data={"state": "bad"}),
        evidence("stats", data={}),
    ]

    assert items(kept, now=NOW, redact=Redactor()) == []


def test_an_unknown_kind_is_shown_too() -> None:
    """A custom tool's answer, whatever its fields are called, within bounds."""
    text = shown("queue_depth", {"depth": 7, "note": "x" * 999, **{f"f{n}": n for n in range(99)}})

    assert text.startswith("depth=7; note=xxx")
    assert len(text) < 400


def test_state_comes_before_words() -> None:
    """What a cut takes last is the target's own state; ages are in seconds."""
    kept = [evidence("logs", data={"lines": ["x"]}), evidence("container", data={"status": "up"})]
    found = items(kept, now=NOW, redact=Redactor())

    assert [item.kind for item in found] == ["container", "logs"]
    assert line_of(found[0]) == "container@1 (docker, 5s ago) status=up"


def test_secret_labels_are_left_out_and_the_rest_is_redacted() -> None:
    """By name and by shape."""
    labels: Plain = {"name": "web", "api_key": "k-1", "instance": "10.0.0.9:9100"}
    text = shown("alert", {"labels": labels, "annotations": {"summary": "password=abc"}})

    assert (
        text == "annotations={summary=password=<secret-1>}; labels={name=web, instance=<ip-1>:9100}"
    )


def test_log_lines_are_told_once() -> None:
    """Without times, the last ones, each with how often it came."""
    lines = [f"2026-01-01T00:00:0{n}Z ERROR try {n} failed" for n in range(5)]

    assert log_lines([*lines, "", "FATAL bye"], Redactor()) == [
        "ERROR try 4 failed (x5)",
        "FATAL bye",
    ]


def test_a_log_without_end_is_bounded() -> None:
    """In lines, and in characters of each."""
    lines = [f"{'abcdefgh'[n % 8] * n} word {'x' * 5000}" for n in range(1, 200)]
    told = log_lines(lines, Redactor())

    assert len(told) == 8
    assert max(map(len, told)) <= 150


def test_text_is_one_clean_line() -> None:
    """No control, bidi or invisible characters, no new line that could start another field."""
    assert clean("a\n\x1b[31mb\u202e\u200bc\x00  d") == "a [31mbc d"
    assert clean("x" * 9, 5) == "xxxx…"
    assert len(clean("y" * (RAW_CHARS * 2), 10**6)) == RAW_CHARS


def test_what_does_not_fit_goes_from_the_end() -> None:
    """The longest texts are halved first, then the least important items go."""
    found = [
        Item(id=f"k{n}@1", kind=f"k{n}", source="docker", age_s=0, text="word " * 100)
        for n in range(9)
    ]
    kept = fit(found, 300)

    assert size(kept) <= 300
    assert [item.id for item in kept] == [item.id for item in found[: len(kept)]]
    assert fit(found, 10**6) == found
    assert fit(found, 0) == []


def test_of_a_log_the_end_is_kept() -> None:
    """That is where the error is."""
    text = "log: " + " | ".join(f"line {n}" for n in range(99))
    (kept,) = fit([Item(id="logs@1", kind="logs", source="docker", age_s=0, text=text)], 150)

    assert kept.text.endswith("line 98")
    assert "line 1 " not in kept.text


def test_the_past_in_a_line_each() -> None:
    """Cause, what worked, what did not; the same line once, exact ones first."""
    similar = [
        PastIncident(score=0.5, episode=episode(incident="i2", cause="hung", healed_by=None,
                                                failed=["restart"])),
        PastIncident(score=0.9, episode=episode(incident="i1")),
    ]  # fmt: skip
    recall = Recall(similar=similar, exact=[episode(), episode(incident="i3")])

    assert past_lines(recall, redact=Redactor()) == [
        "ContainerDown: crashed; worked: start; did not: nothing (likeness 1.00)",
        "ContainerDown: hung; worked: nothing; did not: restart (likeness 0.50)",
    ]
