"""`nightshift studio` where no `langgraph dev` runs; with one: tests/test_studio_dev.py."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

from tests.recorded_incident import crash_healed

Run = Callable[..., Result]


def test_without_a_server_it_is_one_sentence(run: Run, tmp_path: Path) -> None:
    """Exit code 4: a dependency is out of reach."""
    incident = asyncio.run(crash_healed(tmp_path))
    shown = run("studio", incident, "--url", "http://127.0.0.1:9")

    assert shown.exit_code == 4
    assert "start `langgraph dev`" in shown.stderr
    assert len(shown.stderr.splitlines()) == 1


def test_an_unknown_incident_is_not_copied(run: Run, tmp_path: Path) -> None:
    """Before anything is sent."""
    asyncio.run(crash_healed(tmp_path))

    assert run("studio", "nope", "--url", "http://127.0.0.1:9").exit_code == 1
