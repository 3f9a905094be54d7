"""Old checkpoints go, the ledger stays."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from langgraph.checkpoint.memory import InMemorySaver
from sqlalchemy import Connection, text
from structlog.testing import capture_logs

from domain.state import IncidentState
from graph.build import build
from memory.tables import metadata
from nightshift.checkpoints import (
    FileSaver,
    forget,
    open_checkpoints,
    open_saver,
    shrink,
    strict_serde,
)
from nightshift.retention import BATCH, FIRST_S, keep_checkpoints, sweep
from nightshift.runs import config_of
from nightshift.testing import World, container, firing, open_world
from tests.stores import episode

DAYS = 14.0
LONG = "x" * 4000


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A store whose clock the test moves."""
    async with open_world(tmp_path, container("web")) as world:
        yield world


@pytest.fixture
async def saver(tmp_path: Path) -> AsyncIterator[FileSaver]:
    """The service's own checkpoint file."""
    async with open_checkpoints(tmp_path / "checkpoints.db") as saver:
        yield saver


async def kept(saver: Any, incident: str) -> int:
    """How many checkpoints it has."""
    return len([one async for one in saver.alist(config_of(incident))])


async def ended(world: World, saver: Any, name: str, *, done: bool = True) -> str:
    """An incident with two checkpoints that ends now, or does not."""
    incident = await world.accept(firing(name))
    graph = build().compile(checkpointer=saver)
    for node in ("monitor", "analyse"):
        state: IncidentState = {"graph_version": 1, "incident": incident, "reason": LONG}
        await graph.aupdate_state(config_of(incident), state, as_node=node)
    if done:
        await world.store.finish(incident, "resolved", "all good", episode(incident))
    return incident


def later(world: World, **time: float) -> None:
    """Let time pass."""
    world.clock.advance(timedelta(**time).total_seconds())


async def deleted(world: World, saver: Any) -> int:
    """One round."""
    return await sweep(world.store, saver, world.clock, days=DAYS)


@pytest.mark.parametrize("shared", ["sqlite", "any"])
async def test_the_old_go_and_the_young_stay(world: World, saver: FileSaver, shared: str) -> None:
    """By the saver's own interface, whichever it is; replay and Studio have their days."""
    found: Any = saver if shared == "sqlite" else InMemorySaver(serde=strict_serde())
    old = await ended(world, found, "old")
    waiting = await ended(world, found, "waiting", done=False)
    later(world, days=DAYS, seconds=1)
    young = await ended(world, found, "young")
    count = await deleted(world, found)

    assert count == 1
    assert [await kept(found, one) for one in (old, waiting, young)] == [0, 2, 2]
    assert await deleted(world, found) == 0


def everything(connection: Connection) -> dict[str, list[Any]]:
    """Every row of every table, without the mark."""
    return {
        name: list(connection.execute(text(f"SELECT * FROM {name}")))  # noqa: S608  # names of our tables
        for name in metadata.tables
        if name != "counters"
    }


async def test_nothing_of_the_ledger_goes(world: World, saver: FileSaver) -> None:
    """Not one row of any table, evidence and events included."""
    await ended(world, saver, "old")
    before = await world.store.database.read(everything)
    later(world, days=400)
    await deleted(world, saver)

    assert await world.store.database.read(everything) == before


async def test_so_it_is_on_a_server(postgres: str) -> None:
    """In its three tables nothing is left of the old, and no row of the ledger goes."""
    async with open_world(postgres, container("web")) as world, open_saver(postgres) as saver:
        old = await ended(world, saver, "old")
        waiting = await ended(world, saver, "waiting", done=False)
        later(world, days=DAYS, seconds=1)
        young = await ended(world, saver, "young")
        before = await world.store.database.read(everything)
        count = await deleted(world, saver)
        left = [await kept(saver, one) for one in (old, waiting, young)]

        assert (count, left) == (1, [0, 2, 2])
        assert await deleted(world, saver) == 0
        assert await world.store.database.read(everything) == before
    with psycopg.connect(postgres) as connection:
        for table in ("checkpoints", "checkpoint_blobs", "checkpoint_writes"):
            found = connection.execute(f"SELECT DISTINCT thread_id FROM {table}").fetchall()  # noqa: S608  # names of theirs
            assert {thread for (thread,) in found} <= {waiting, young}


async def test_many_go_in_batches(world: World) -> None:
    """All of them in one round, with pauses for those who wait for the file."""
    found = InMemorySaver(serde=strict_serde())
    incidents = [await world.accept(firing(f"n{n}")) for n in range(BATCH + 5)]
    for incident in incidents:
        await world.store.finish(incident, "resolved", "all good", None)
        later(world, seconds=1)
    later(world, days=DAYS)

    assert await deleted(world, found) == BATCH + 5


async def test_the_file_gets_smaller(world: World, saver: FileSaver, tmp_path: Path) -> None:
    """What was deleted is given back to the disk, and the log says how much."""
    for n in range(40):
        await ended(world, saver, f"n{n}")
    await shrink(saver)
    before = size_of(tmp_path)
    later(world, days=DAYS, seconds=1)
    with capture_logs() as logs:
        await deleted(world, saver)
    (line,) = [one for one in logs if one["event"] == "checkpoints_deleted"]

    assert size_of(tmp_path) < before / 2
    assert (line["incidents"], line["bytes_freed"] > 0) == (40, True)


def size_of(folder: Path) -> int:
    """Bytes of the checkpoint file and its log."""
    return sum(path.stat().st_size for path in folder.glob("checkpoints.db*"))


async def test_it_comes_round_and_outlives_a_bad_disk(
    world: World, saver: FileSaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round that fails is told, and is not the last."""
    old = await ended(world, saver, "old")
    later(world, days=DAYS)
    sleep = world.clock.sleep

    async def ending(seconds: float) -> None:
        if sum(world.clock.slept) > FIRST_S + 3 * 3600:
            raise KeyboardInterrupt
        await sleep(seconds)

    monkeypatch.setattr(world.clock, "sleep", ending)
    monkeypatch.setattr(saver, "adelete_thread", broken_once(saver.adelete_thread))
    with capture_logs() as logs, pytest.raises(KeyboardInterrupt):
        await keep_checkpoints(world.store, saver, world.clock, days=DAYS)

    assert [one["event"] for one in logs] == ["checkpoints_not_deleted", "checkpoints_deleted"]
    assert await kept(saver, old) == 0


def broken_once(work: Any) -> Any:
    """The first call fails as a full disk does."""
    import sqlite3

    left = [1]

    async def call(thread: str) -> None:
        if left[0]:
            left[0] -= 1
            raise sqlite3.OperationalError("database or disk is full")
        await work(thread)

    return call


async def test_only_the_named_thread_is_forgotten(world: World, saver: FileSaver) -> None:
    """Its neighbours keep theirs."""
    one, two = await ended(world, saver, "one"), await ended(world, saver, "two")
    await forget(saver, one)

    assert (await kept(saver, one), await kept(saver, two)) == (0, 2)
