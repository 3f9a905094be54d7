"""`nightshift doctor`."""

import json
from collections.abc import Callable

import pytest
from typer.testing import Result

Run = Callable[..., Result]


def test_its_exit_code_and_its_report_agree(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Docker host out of reach is 4, and the page says how to mend it."""
    monkeypatch.setenv("DOCKER_HOSTS", "far=tcp://127.0.0.1:9")

    report, paper = run("doctor", "--json"), run("doctor")

    found = json.loads(report.stdout)
    assert report.exit_code == paper.exit_code == found["exit_code"] == 4
    assert "docker far" in paper.stdout
    assert "DOCKER_HOSTS" in paper.stdout
