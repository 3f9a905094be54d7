import asyncio
import os
from pathlib import Path

import pytest

from lab.scenario import Service
from lab.stack import DIRECTORY_PREFIX
from lab.sweep import sweep
from tests.lab.conftest import Bench


def directory_of(bench: Bench, folder: Path, owner: int) -> Path:
    """A lab's directory as a process with that id would have left it."""
    directory = folder / f"{DIRECTORY_PREFIX}{bench.fleet.lab_id}-x"
    directory.mkdir()
    (directory / "owner").write_text(str(owner))
    return directory


@pytest.mark.stack
async def test_what_a_killed_lab_left_is_removed(bench: Bench, tmp_path: Path) -> None:
    """Its containers, its processes and its directory."""
    await asyncio.to_thread(bench.fleet.up, [Service(name="web", healthcheck=False)])
    dead = await asyncio.create_subprocess_exec("true")
    await dead.wait()
    directory = directory_of(bench, tmp_path, dead.pid)
    orphan = await asyncio.create_subprocess_exec("sleep", "60", cwd=directory)

    swept = await asyncio.to_thread(sweep, bench.fleet.client, folder=tmp_path)

    assert bench.fleet.lab_id in swept
    assert bench.fleet.look("web").status == "gone"
    assert not directory.exists()
    assert await orphan.wait() == -9


@pytest.mark.stack
async def test_a_living_lab_is_left_alone(bench: Bench, tmp_path: Path) -> None:
    """Labs run side by side; one that begins does not sweep the others."""
    await asyncio.to_thread(bench.fleet.up, [Service(name="web", healthcheck=False)])
    directory_of(bench, tmp_path, os.getpid())

    swept = await asyncio.to_thread(sweep, bench.fleet.client, folder=tmp_path)

    assert bench.fleet.lab_id not in swept
    assert bench.fleet.look("web").status == "running"
