"""From the first released schema to this one: the store as its program left it, in tests/data."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from domain.errors import BadConfiguration
from memory import migrations
from memory.opening import FILE
from memory.store import open_store
from tests.stores import HandClock

ROOT = Path(__file__).parents[2]
VERSIONS = sorted((ROOT / "tests" / "data" / "schema").glob("version_*.sql"))
Shape = dict[str, Any]


def left_by(program: Path, folder: Path) -> Path:
    """A data directory with the store that this older program wrote."""
    folder.mkdir()
    with closing(sqlite3.connect(folder / FILE)) as store:
        store.executescript(program.read_text())
    return folder


def asked(folder: Path, query: str) -> list[Any]:
    """The rows of a query."""
    with closing(sqlite3.connect(folder / FILE)) as store:
        return store.execute(query).fetchall()


def shape(folder: Path) -> Shape:
    """Columns, keys, indexes and triggers of each table, however they were written down."""
    tables = asked(folder, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    told = {name: _table(folder, name) for (name,) in tables}
    triggers = asked(folder, "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    return {**told, "triggers": sorted((name, " ".join(sql.split())) for name, sql in triggers)}


def _table(folder: Path, name: str) -> Shape:
    columns = asked(folder, f"PRAGMA table_info({name})")
    indexes = asked(folder, f"PRAGMA index_list({name})")
    return {
        "columns": [row[1:] for row in columns],
        "references": sorted(row[2:] for row in asked(folder, f"PRAGMA foreign_key_list({name})")),
        "indexes": sorted(_index(folder, row) for row in indexes),
    }


def _index(folder: Path, row: Any) -> Any:
    _, name, unique, origin, partial = row
    columns = [one[2] for one in asked(folder, f"PRAGMA index_info({name})")]
    found = asked(folder, f"SELECT sql FROM sqlite_master WHERE name = '{name}'")  # noqa: S608  # an index of ours
    where = " ".join((found[0][0] or "").partition(" WHERE ")[2].split()) if partial else ""
    return (name if origin == "c" else origin, unique, columns, where)


def rows_of(folder: Path, *, leave: tuple[str, ...] = ("schema_version",)) -> dict[str, list[Any]]:
    """All rows, by table."""
    tables = asked(folder, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    names = [name for (name,) in tables if name not in leave]
    return {name: asked(folder, f"SELECT * FROM {name}") for name in names}  # noqa: S608  # names of our tables


def test_every_version_is_kept() -> None:
    """One file for each released version before this one: add it with the step that leaves it."""
    numbers = [int(path.stem.rpartition("_")[2]) for path in VERSIONS]

    assert numbers == list(range(1, migrations.newest()))


@pytest.mark.parametrize("program", VERSIONS, ids=lambda path: path.stem)
async def test_it_becomes_like_a_new_one(program: Path, tmp_path: Path, clock: HandClock) -> None:
    """The same columns, keys, indexes and triggers as a store that was never older."""
    old = left_by(program, tmp_path / "old")
    for folder in (old, tmp_path / "new"):
        async with open_store(folder, clock=clock):
            pass

    assert shape(old) == shape(tmp_path / "new")


@pytest.mark.parametrize("program", VERSIONS, ids=lambda path: path.stem)
async def test_nothing_of_it_is_lost(program: Path, tmp_path: Path, clock: HandClock) -> None:
    """Every row of every table, the chain of the journal, and all that is read from them."""
    old = left_by(program, tmp_path / "old")
    before = rows_of(old)
    async with open_store(old, clock=clock) as store:
        found = await store.incidents(limit=9)
        (entry,) = await store.entries(found[-1].id, 1)
        broken, past = (await store.audit()).broken, await store.episodes(after=0, limit=9)
    after = rows_of(old)

    assert {name: after[name] for name in before} == before
    assert sorted(str(one.outcome) for one in found) == ["None", "resolved"]
    assert (broken, len(past), entry.result and entry.result.result) == (None, 1, "done")


DYING = """
import asyncio, os, signal, sys
from pathlib import Path
from memory import migrations
from memory.store import open_store
from nightshift.clock import SystemClock

def die(connection):
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    migrations.STEPS.append(die)
    async with open_store(Path(sys.argv[1]), clock=SystemClock()):
        pass

asyncio.run(main())
"""


def upgraded_and_killed(folder: Path) -> int:
    """The exit code of a program with one step more, which kills it."""
    return subprocess.run(
        [sys.executable, "-c", DYING, str(folder)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        timeout=60,
        check=False,
    ).returncode


@pytest.mark.parametrize("program", VERSIONS, ids=lambda path: path.stem)
async def test_a_killed_upgrade_has_not_happened(
    program: Path, tmp_path: Path, clock: HandClock
) -> None:
    """Kill -9 after some steps: the older program finds its store, the newer one starts over."""
    old, untouched = left_by(program, tmp_path / "old"), left_by(program, tmp_path / "untouched")
    code = upgraded_and_killed(old)
    left = (shape(old), rows_of(old, leave=()))
    async with open_store(old, clock=clock) as store:
        version = await store.database.read(migrations.version)

    assert code == -signal.SIGKILL
    assert left == (shape(untouched), rows_of(untouched, leave=()))
    assert version == migrations.newest()


async def test_a_newer_one_is_refused_in_a_sentence(tmp_path: Path, clock: HandClock) -> None:
    """An older program writes nothing into it, and says what to do."""
    old = left_by(VERSIONS[-1], tmp_path / "old")
    with closing(sqlite3.connect(old / FILE)) as store:
        store.execute("INSERT INTO schema_version (version, at) VALUES (99, 0)")
        store.commit()
    before = (shape(old), rows_of(old, leave=()))
    with pytest.raises(BadConfiguration, match=r"version 99.*restore a backup from before"):
        async with open_store(old, clock=clock):
            pass

    assert (shape(old), rows_of(old, leave=())) == before
