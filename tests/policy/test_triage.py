from typing import Any

import pytest

from domain.plain import Plain
from policy.triage import triage

WELL: Plain = {
    "exists": True, "status": "running", "health": "healthy", "exit_code": 0,
    "missing_networks": [], "one_shot": False,
}  # fmt: skip
JOB: Plain = {**WELL, "status": "exited", "one_shot": True}


def kind(container: Plain | None, **others: Any) -> str:
    """The word on this situation."""
    seen = {"container": container} if container is not None else {}
    return triage({**seen, **others}).kind


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "recovered"),
        ({"health": "none"}, "recovered"),
        ({"health": "unhealthy"}, "broken"),
        ({"health": "starting"}, "broken"),
        ({"status": "exited"}, "broken"),
        ({"status": "restarting"}, "broken"),
        ({"status": "paused"}, "broken"),
        ({"status": "created"}, "broken"),
        ({"missing_networks": ["back"]}, "broken"),
        ({"exists": False}, "broken"),
    ],
)
def test_by_what_the_runtime_says(changes: dict[str, Any], word: str) -> None:
    """Only a running container whose check passes, on all its networks, has recovered."""
    assert kind({**WELL, **changes}) == word


@pytest.mark.parametrize(
    ("others", "word"),
    [
        ({"probe": {"state": "good"}}, "recovered"),
        ({"probe": {"state": "bad"}}, "broken"),
        ({"probe": {"state": "unknown"}}, "recovered"),
        ({"expression": {"state": "firing"}}, "broken"),
        ({"expression": {"state": "blind"}}, "recovered"),
        ({"expression": {"state": "clear"}}, "recovered"),
    ],
)
def test_by_what_was_seen_from_outside(others: dict[str, Any], word: str) -> None:
    """A failing probe or an expression that still fires contradicts a green runtime."""
    assert kind(WELL, **others) == word


def test_unseen_is_broken() -> None:
    """Missing data is never read as recovered."""
    assert kind(None) == "broken"


@pytest.mark.parametrize(
    ("code", "by", "word"),
    [
        (0, "crash", "finished"),
        (0, "unexplained", "finished"),
        (0, "person", "broken"),
        (1, "crash", "broken"),
        (137, "oom", "broken"),
    ],
)
def test_a_job_that_ended_well_is_finished(code: int, by: str, word: str) -> None:
    """A one-shot with exit code 0 that nobody stopped is done, not broken."""
    assert kind({**JOB, "exit_code": code}, stop={"by": by}) == word


def test_the_alert_is_not_believed() -> None:
    """What the alert says of itself does not count."""
    assert kind(WELL, alert={"status": "firing", "severity": "critical"}) == "recovered"


@pytest.mark.parametrize(
    ("dies", "up_s", "kind"), [(2, 1.0, "broken"), (1, 1.0, "recovered"), (5, 60.0, "recovered")]
)
def test_a_loop_is_not_well_in_a_moment_of_running(dies: int, up_s: float, kind: str) -> None:
    """Who died twice lately and has just come up has not recovered yet."""
    container: Plain = {"exists": True, "status": "running", "health": "none", "up_s": up_s}

    assert triage({"container": container, "events": {"dies": dies}}).kind == kind
