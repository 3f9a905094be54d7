"""`nightshift memory …`."""

import json
from collections.abc import Callable

from typer.testing import Result

Run = Callable[..., Result]


def test_what_was_learned_is_counted(run: Run, seeded: dict[str, str]) -> None:
    """For programs and for people."""
    counted = json.loads(run("memory", "stats", "--json").stdout)

    assert counted["total_incidents"] == 1
    assert "1 incidents remembered" in run("memory", "stats").stdout


def test_what_is_like_it_is_found(run: Run, seeded: dict[str, str]) -> None:
    """With the remedy that healed."""
    found = json.loads(run("memory", "search", "web container down", "--json").stdout)

    assert found["incidents"][0]["healed_by"] == "start"
    assert "start" in run("memory", "search", "web container down").stdout


def test_an_empty_memory_is_no_error(run: Run) -> None:
    """A new installation has simply seen nothing."""
    shown = run("memory", "search", "anything")

    assert (shown.exit_code, shown.stdout.strip()) == (0, "nothing like it is remembered")
