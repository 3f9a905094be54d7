import json
from typing import Any

import pytest
from typer.testing import CliRunner

from lab import model_bench, reflex, resume, stack, storm_bench
from lab.model_bench import ModelReport, Row
from lab.reflex import ReflexReport, report
from lab.resume import ResumeReport, Start
from lab.storm_report import StormReport
from nightshift.cli.bench import app


def test_the_reflex_bench_prints_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    """The JSON has n, both spreads and the difference."""

    async def measure(n: int, _: object) -> ReflexReport:
        return report([0.1] * n, [0.3] * n)

    monkeypatch.setattr(stack, "missing", list)
    monkeypatch.setattr(reflex, "measure", measure)

    found = json.loads(CliRunner().invoke(app, ["reflex", "--rounds", "3", "--json"]).stdout)

    assert found == {
        "n": 3,
        "reflex_ms": {"median": 100.0, "p95": 100.0},
        "nightshift_ms": {"median": 300.0, "p95": 300.0},
        "difference_ms": 200.0,
    }


def test_the_model_bench_prints_what_an_incident_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The JSON has calls, prompt tokens and dollars; the table a line an incident."""
    row = Row(
        fault="crash",
        runbooks=True,
        decided_by="runbook",
        outcome="resolved",
        calls=1,
        prompt_tokens=800,
        completion_tokens=50,
        dollars=0.00015,
    )

    async def measured(_: object) -> ModelReport:
        return model_bench.report([row])

    monkeypatch.setattr(model_bench, "measure", measured)
    found = json.loads(CliRunner().invoke(app, ["model", "--json"]).stdout)
    table = CliRunner().invoke(app, ["model"]).stdout

    assert (found["calls"], found["prompt_tokens"], found["dollars_per_100"]) == (1, 800, 0.015)
    assert "at most 1 calls and 800 prompt tokens an incident; $0.0150" in table


def test_the_resume_bench_prints_both_spreads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The JSON has starts, incidents and both spreads; the page a line each."""

    async def measured(starts: int, incidents: int, _: object) -> ResumeReport:
        return resume.report([Start(first=1.5, last=30.0)] * starts, incidents)

    monkeypatch.setattr(resume, "measure", measured)
    words = ["resume", "--starts", "3", "--incidents", "50"]
    found = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    page = CliRunner().invoke(app, words).stdout

    assert found == {
        "starts": 3,
        "incidents": 50,
        "first_resumed_s": {"median": 1.5, "p95": 1.5},
        "all_progressed_s": {"median": 30.0, "p95": 30.0},
        "broken": [],
    }
    assert "3 starts on 50 unfinished incidents" in page


def test_a_storm_that_breaks_a_bound_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not kept is named, and the exit code says so."""
    known = {
        "alerts": 10, "seconds": 1, "accepted": 1, "refused_503": 0, "failed": 0, "lost": 2,
        "incidents": 9, "folded": 3, "investigations": 6, "roots": 6, "actions": 3,
        "messages": 8, "digests": 1, "rss_mb_max": 180, "health_ms": {"p50": 5, "p99": 50},
        "cpu_s": 9, "drained_s": 12, "broken": ["an accepted alert was lost"],
    }  # fmt: skip

    async def measured(*_: Any) -> StormReport:
        return StormReport.model_validate(known)

    monkeypatch.setattr(storm_bench, "measure", measured)
    told = CliRunner().invoke(app, ["storm", "--alerts", "10"])

    assert told.exit_code == 1
    assert "broken: an accepted alert was lost" in told.stderr


def test_a_slow_start_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both spreads have a bound."""

    async def measured(starts: int, incidents: int, _: object) -> ResumeReport:
        return resume.report([Start(first=10.5, last=60.5)] * starts, incidents)

    monkeypatch.setattr(resume, "measure", measured)
    told = CliRunner().invoke(app, ["resume"])

    assert told.exit_code == 1
    assert "the first goes on after more than 10 s" in told.stderr
    assert "the last goes on after more than 60 s" in told.stderr
