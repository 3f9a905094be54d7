import json

import pytest
from typer.testing import CliRunner

from lab import model_bench, reflex, resume, stack
from lab.model_bench import ModelReport, Row
from lab.reflex import ReflexReport, report
from lab.resume import ResumeReport, Start
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
    }
    assert "3 starts on 50 unfinished incidents" in page
