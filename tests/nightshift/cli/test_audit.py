"""nightshift audit verify."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from memory.store import open_store
from nightshift.anchors import Keeper, read_anchors
from nightshift.clock import SystemClock

Run = Callable[..., Result]


@pytest.fixture
def noted(tmp_path: Path, seeded: dict[str, str]) -> str:
    """The trail has four lines, its head was noted after the second and at the end."""

    async def live() -> str:
        async with open_store(tmp_path, clock=SystemClock()) as store:
            keeper = Keeper(store, tmp_path, [], SystemClock())
            await keeper.look([])
            await store.pause("rack", by="ann")
            await store.resume(by="ann")
            await keeper.look([])
            return (await store.sealed()).head

    return asyncio.run(live())


def tamper(folder: Path, statement: str) -> None:
    """What somebody with the file in hands can do."""
    with sqlite3.connect(folder / "nightshift.db") as connection:
        for verb in ("update", "delete"):
            connection.execute(f"DROP TRIGGER journal_no_{verb}")
        connection.execute(statement)
    connection.close()


def test_a_whole_trail_is_said_to_be_whole(run: Run, noted: str) -> None:
    """Exit code 0; the head can be compared by eye and by machine."""
    page, data = run("audit", "verify"), run("audit", "verify", "--json", "--head", noted)

    assert (page.exit_code, data.exit_code) == (0, 0)
    assert noted in page.stdout
    assert json.loads(data.stdout) == {
        "ok": True, "lines": 4, "head": noted, "broken": None, "why": "", "anchors": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("statement", "line", "why"),
    [
        ("UPDATE journal SET body = replace(body, 'rack', 'rock') WHERE seq = 3", 3, "seal"),
        ("DELETE FROM journal WHERE seq = 3", 4, "missing"),
        ("DELETE FROM journal WHERE seq > 3", 4, "cut off"),
    ],
)
def test_tampering_is_told(
    run: Run, noted: str, tmp_path: Path, statement: str, line: int, why: str
) -> None:
    """A changed byte, a removed line and a cut end: which line, and why."""
    tamper(tmp_path, statement)
    page, data = run("audit", "verify"), run("audit", "verify", "--json")
    found = json.loads(data.stdout)

    assert (page.exit_code, data.exit_code) == (1, 1)
    assert (found["ok"], found["broken"]) == (False, line)
    assert why in found["why"]
    assert f"broken at line {line}" in page.stderr


def test_the_head_an_operator_kept_is_enough(run: Run, noted: str, tmp_path: Path) -> None:
    """Who removes the anchors beside the database does not remove the one in a chat."""
    tamper(tmp_path, "DELETE FROM journal WHERE seq = 4")
    (tmp_path / "audit-heads.log").unlink()
    without, kept = run("audit", "verify"), run("audit", "verify", "--head", noted)

    assert (without.exit_code, kept.exit_code) == (0, 1)
    assert "no head was noted" in without.stdout
    assert noted in kept.stderr


def test_half_a_head_is_no_head(run: Run, noted: str) -> None:
    """A head copied in part is a usage error, not a broken trail."""
    assert run("audit", "verify", "--head", noted[:12]).exit_code == 2


def test_a_trail_written_anew_is_found(run: Run, noted: str, tmp_path: Path) -> None:
    """A chain that is whole in itself, and as long, has other heads."""
    first = read_anchors(tmp_path)[0]
    tamper(tmp_path, "DELETE FROM journal")

    async def forge() -> None:
        async with open_store(tmp_path, clock=SystemClock()) as store:
            for _ in range(first.lines + 3):
                await store.pause("forged", by="mallory")

    asyncio.run(forge())
    found = json.loads(run("audit", "verify", "--json").stdout)

    assert (found["ok"], found["broken"]) == (False, first.lines)
    assert "written anew" in found["why"]
