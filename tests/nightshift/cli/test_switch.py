"""The kill switch."""

from collections.abc import Callable

from typer.testing import Result

Run = Callable[..., Result]


def test_a_pause_lasts_until_it_is_lifted(run: Run, seeded: dict[str, str]) -> None:
    """The reason is kept and told again."""
    run("pause", "moving the rack")

    lifted, again = run("resume"), run("resume")

    assert "moving the rack" in lifted.stdout
    assert "not paused" in again.stdout


def test_a_pause_needs_no_reason(run: Run, seeded: dict[str, str]) -> None:
    """In a hurry the bare word stops everything; who said it stands in for why."""
    paused, lifted = run("pause"), run("resume")

    assert (paused.exit_code, paused.stdout.strip()) == (0, "paused")
    assert "paused by" in lifted.stdout


def test_what_is_not_latched_cannot_be_freed(run: Run, seeded: dict[str, str]) -> None:
    """A wrong name is said to be wrong."""
    answer = run("unlatch", "web")

    assert answer.exit_code == 1
    assert "nothing called 'web' is latched" in answer.stderr
