import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from memory.store import open_store
from nightshift.testing import T0, StillClock, container

ROOT = Path(__file__).parents[2]
CHILD = Path(__file__).parent / "crash_child.py"


def shop(folder: Path) -> None:
    """`web` crashed a moment ago."""
    facts = container("web", health="unhealthy", status="exited", exit_code=1, finished_at=T0)
    (folder / "containers").write_text(json.dumps([facts.plain()]))
    (folder / "effects").touch()


def drive(folder: Path, death: str, *, minute: int = 0) -> int:
    """Drive the incident in a process of its own, which starts that late; its return code."""
    given = {"PYTHONPATH": str(ROOT), "LANGGRAPH_STRICT_MSGPACK": "true"}
    environment = {**os.environ, **given}  # noqa: TID251  # the child's environment
    ended = subprocess.run(
        [sys.executable, str(CHILD), str(folder), death, str(minute)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
    return ended.returncode


@pytest.mark.parametrize("death", ["promised", "after", "concluded", "verifying"])
async def test_killed_in_the_middle_and_done_once(tmp_path: Path, death: str) -> None:
    """After kill -9 the next process ends the incident, and the effect took place exactly once."""
    shop(tmp_path)
    killed, ended = drive(tmp_path, death), drive(tmp_path, "never", minute=1)
    async with open_store(tmp_path, clock=StillClock()) as store:
        incidents = await store.incidents(limit=9)

    assert (killed, ended) == (-signal.SIGKILL, 0)
    assert (tmp_path / "effects").read_text() == "start web\n"
    assert [one.outcome for one in incidents] == ["resolved"]


async def test_a_call_nobody_knows_of_is_left_to_people(tmp_path: Path) -> None:
    """Killed on the way to Docker, with no effect to be seen: told, and never sent again."""
    shop(tmp_path)
    killed, ended = drive(tmp_path, "before"), drive(tmp_path, "never", minute=1)
    async with open_store(tmp_path, clock=StillClock()) as store:
        incidents = await store.incidents(limit=9)

    assert (killed, ended) == (-signal.SIGKILL, 0)
    assert (tmp_path / "effects").read_text() == ""
    assert [(one.outcome, one.attempts[0].result) for one in incidents] == [
        ("escalated", "unknown")
    ]


async def test_killed_again_and_again(tmp_path: Path) -> None:
    """Each process dies a step further on: still one effect, one outcome, one honest journal."""
    shop(tmp_path)
    deaths = ["promised", "after", "concluded", "verifying", "never"]
    ends = [drive(tmp_path, death, minute=minute) for minute, death in enumerate(deaths)]
    async with open_store(tmp_path, clock=StillClock()) as store:
        (incident,) = await store.incidents(limit=9)
        audit = await store.audit()

    assert ends == [-signal.SIGKILL] * 4 + [0]
    assert (tmp_path / "effects").read_text() == "start web\n"
    assert (incident.status, incident.outcome) == ("done", "resolved")
    assert audit.broken is None
