"""doctor's findings on ourselves."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from nightshift import doctor
from nightshift.doctor import Finding, State, exit_code
from nightshift.settings import Settings

Make = Callable[..., Settings]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """`make(**settings)` with a private data directory."""

    def build(**given: Any) -> Settings:
        return Settings(_env_file=None, **{"nightshift_data_dir": tmp_path, **given})

    return build


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([], 0),
        (["ok", "warning"], 0),
        (["ok", "failed"], 1),
        (["failed", "unreachable"], 4),
        (["unreachable", "misconfigured"], 3),
    ],
)
def test_the_gravest_finding_decides_the_exit_code(states: list[State], code: int) -> None:
    """Configuration first: without it the rest means little."""
    found = [Finding(name="x", state=state, detail="") for state in states]

    assert exit_code(found) == code


async def test_a_directory_that_cannot_be_written_is_a_wrong_setting(
    make: Make, tmp_path: Path
) -> None:
    """A file where the directory should be."""
    (tmp_path / "file").write_text("")

    (found,) = await doctor.data_directory(make(nightshift_data_dir=tmp_path / "file"))

    assert (found.state, "NIGHTSHIFT_DATA_DIR" in found.mend) == ("misconfigured", True)


@pytest.mark.parametrize(("mode", "state"), [(0o755, "warning"), (0o700, "ok")])
async def test_a_directory_open_to_all_is_told(make: Make, mode: int, state: State) -> None:
    """The token and the ledger are in there."""
    settings = make()
    os.chmod(settings.nightshift_data_dir, mode)

    (found,) = await doctor.data_directory(settings)

    assert found.state == state


async def test_a_directory_that_is_not_there_yet_is_fine(make: Make, tmp_path: Path) -> None:
    """The first start makes it."""
    (found,) = await doctor.data_directory(make(nightshift_data_dir=tmp_path / "a" / "b"))

    assert found.state == "ok"


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ({}, "ok"),
        ({"nightshift_host": "192.0.2.1"}, "warning"),
        ({"nightshift_host": "192.0.2.1", "nightshift_token": SecretStr("t")}, "ok"),
    ],
)
async def test_listening_to_the_network_needs_credentials(
    make: Make, given: dict[str, Any], state: State
) -> None:
    """Loopback needs none."""
    (found,) = await doctor.listening(make(**given))

    assert found.state == state


async def test_a_broken_runbook_is_named_with_its_line(make: Make, tmp_path: Path) -> None:
    """The operator's own folder is read like the service would."""
    (tmp_path / "mine.md").write_text("---\nid: mine\n---\n")

    found = await doctor.runbooks(make(nightshift_runbooks=tmp_path))

    assert {one.state for one in found} == {"misconfigured"}
    assert "mine.md" in found[0].detail


async def test_what_hangs_does_not_hang_the_doctor(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every check has a time limit of its own."""

    async def hanging(_: Settings) -> list[Finding]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(doctor, "CHECK_S", 0.01)

    (found,) = await doctor._bounded(hanging, make())

    assert (found.name, found.state) == ("hanging", "unreachable")
