"""The command line as a whole."""

import subprocess
import sys
from collections.abc import Callable

import pytest
import typer
from typer.testing import CliRunner, Result

from domain.errors import (
    BadConfiguration,
    Conflict,
    NightshiftError,
    NotFound,
    NotStored,
    Permanent,
    Transient,
)
from nightshift.cli import PASS_ON, Shell, exit_code, run_late

Run = Callable[..., Result]
HEAVY = """
import sys, nightshift.cli
heavy = {"lab", "docker", "langgraph", "uvicorn", "sqlalchemy", "pydantic_settings"}
print(*heavy & {*sys.modules})
"""


@pytest.mark.parametrize(
    ("error", "code"),
    [(BadConfiguration, 3), (Transient, 4), (NotStored, 4), (NotFound, 1), (Conflict, 1),
     (Permanent, 1), (NightshiftError, 1)],
)  # fmt: skip
def test_every_error_has_its_exit_code(error: type[NightshiftError], code: int) -> None:
    """3 is for configuration, 4 for what is out of reach, 1 for all else."""
    assert exit_code(error("no")) == code


def test_help_loads_nothing_heavy() -> None:
    """`nightshift --help` stays quick."""
    seen = subprocess.run([sys.executable, "-c", HEAVY], capture_output=True, text=True, check=True)

    assert seen.stdout.strip() == ""


@pytest.mark.parametrize(
    "command",
    ["serve", "demo", "doctor", "pause", "resume", "score", "incidents list", "incidents show",
     "incidents replay", "incidents approve", "incidents deny", "memory stats", "memory search"],
)  # fmt: skip
def test_every_command_explains_itself(run: Run, command: str) -> None:
    """Help needs no store and no settings."""
    shown = run(*command.split(), "--help")

    assert shown.exit_code == 0
    assert "Usage" in shown.stdout


def test_a_wrong_setting_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 3; the value of a secret would not be repeated."""
    monkeypatch.setenv("NIGHTSHIFT_PORT", "high")

    shown = run("incidents", "list")

    assert (shown.exit_code, "NIGHTSHIFT_PORT" in shown.stderr) == (3, True)


def test_an_empty_setting_is_none(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files hand on variables that nobody set as empty ones."""
    monkeypatch.setenv("NIGHTSHIFT_PORT", "")

    assert "NIGHTSHIFT_DATA_DIR" in run("incidents", "list").stderr


def test_usage_errors_are_two(run: Run) -> None:
    """As everywhere."""
    assert run("nonsense").exit_code == 2


@pytest.mark.parametrize(("words", "code"), [(["--code", "7"], 7), ([], 0), (["--nope"], 2)])
def test_a_command_loaded_late_keeps_its_exit_code(words: list[str], code: int) -> None:
    """Its own codes and usage errors reach the shell."""
    late = typer.Typer(cls=Shell)

    def command(code: int = 0) -> None:
        raise typer.Exit(code)

    @late.command(context_settings=PASS_ON)
    def lazy(ctx: typer.Context) -> None:
        run_late(ctx, command)

    @late.command()
    def other() -> None:
        """Make it a group."""

    assert CliRunner().invoke(late, ["lazy", *words]).exit_code == code
