import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from lab import stack, suite
from lab.judge import Judgement
from lab.suite import Score, summed
from nightshift.cli.score import score

app = typer.Typer()
app.command()(score)


def judgement(*, right: bool) -> Judgement:
    """A scenario's line."""
    return Judgement(
        id="crashed",
        title="Crashed",
        outcome="resolved",
        right=right,
        actions=[],
        seconds_to_healthy=2.0,
        harm=0 if right else 1,
        unneeded=0,
        healed=True,
        escalated=False,
        approval_asked=False,
        tokens=0,
        dollars=0.0,
        why="" if right else "harm: stop [vault]",
    )


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[Judgement]:
    """What the scenarios are going to come to, on a machine that has everything."""
    found: list[Judgement] = []

    async def run_all(*_: object, **__: object) -> Score:
        return Score(summary=summed("nightshift", found), scenarios=found)

    monkeypatch.setattr(stack, "missing", list)
    monkeypatch.setattr(suite, "run_all", run_all)
    return found


@pytest.mark.parametrize(("right", "code"), [(True, 0), (False, 1)])
def test_the_exit_code_tells_whether_all_went_right(
    played: list[Judgement], right: bool, code: int
) -> None:
    """A pipeline needs no more."""
    played.append(judgement(right=right))

    assert CliRunner().invoke(app, []).exit_code == code


def test_json_is_a_summary_and_the_scenarios(played: list[Judgement]) -> None:
    """Exactly these two, with the counted words in them."""
    played.append(judgement(right=False))

    found = json.loads(CliRunner().invoke(app, ["--json"]).stdout)

    assert set(found) == {"summary", "scenarios"}
    assert found["summary"]["scenarios"] == 1
    assert found["summary"]["harm"] == 1
    assert found["scenarios"][0]["why"] == "harm: stop [vault]"


def test_a_machine_without_docker_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 4 and a sentence."""
    monkeypatch.setattr(stack, "missing", lambda: ["No Docker daemon answers: install docker."])

    found = CliRunner().invoke(app, [])

    assert found.exit_code == 4
    assert "install docker" in found.output


def test_a_bad_scenario_is_a_usage_error(played: list[Judgement], tmp_path: Path) -> None:
    """With its file, before anything is started."""
    (tmp_path / "a.yaml").write_text("id: One")

    found = CliRunner().invoke(app, ["--scenarios", str(tmp_path)])

    assert found.exit_code == 2
    assert "a.yaml:1" in found.output
