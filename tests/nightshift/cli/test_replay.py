"""`nightshift incidents replay … --policy … --model …`."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from nightshift.cli.incidents import _limits
from tests.recorded_incident import crash_healed

Run = Callable[..., Result]


def test_other_limits_are_shown_beside_what_was(run: Run, tmp_path: Path) -> None:
    """For people and for programs."""
    incident = asyncio.run(crash_healed(tmp_path))
    words = ["incidents", "replay", incident, "--from", "analyse", "--policy", "mode=observe"]
    shown = run(*words)
    found = json.loads(run(*words, "--json").stdout)

    assert "different:" in shown.stdout
    assert (found["now"]["decision"]["rule"], found["policy"]) == ("mode", {"mode": "observe"})
    assert found["model"] is None


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--policy", "nope=1"], 3),
        (["--policy", "mode=loud"], 3),
        (["--policy", "mode"], 2),
        (["--policy", "modes={"], 2),
        (["--model", "some-model"], 3),
        (["--from", "heal"], 2),
        (["--from", "notify"], 2),
    ],
)
def test_what_cannot_be_replayed_is_said(
    run: Run, tmp_path: Path, words: list[str], code: int
) -> None:
    """Never a traceback."""
    incident = asyncio.run(crash_healed(tmp_path))
    shown = run("incidents", "replay", incident, *words)

    assert shown.exit_code == code
    assert "Traceback" not in shown.output


def test_an_option_holds_several_limits() -> None:
    """A value in brackets is JSON, commas and all; the last word on a limit counts."""
    given = ["mode=approve, max_attempts=1", 'modes={"start": "observe", "web": "approve"}']

    assert _limits([*given, "max_attempts=2"]) == {
        "mode": "approve",
        "max_attempts": "2",
        "modes": {"start": "observe", "web": "approve"},
    }
