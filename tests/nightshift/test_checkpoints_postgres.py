"""Checkpoints in PostgreSQL: as durable and as strict, and closed to who was taken over."""

import asyncio
import subprocess
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from domain.errors import Conflict, Transient
from graph.build import build
from memory.patience import STATEMENT_MS
from memory.turns import TURN, Turn
from nightshift import checkpoints_postgres
from nightshift.checkpoints import open_saver
from nightshift.checkpoints_postgres import open_in_postgres
from nightshift.runs import config_of


@dataclass
class Foreign:
    """What somebody who can write the table would like to see made."""

    command: str


async def kept(saver: BaseCheckpointSaver[str], incident: str) -> Any:
    """The reason that this incident's checkpoint holds."""
    graph = build().compile(checkpointer=saver)
    return (await graph.aget_state(config_of(incident))).values.get("reason")


async def keep(saver: BaseCheckpointSaver[str], incident: str, reason: Any) -> None:
    """Write a checkpoint with this reason."""
    graph = build().compile(checkpointer=saver)
    state: Any = {"graph_version": 1, "reason": reason}
    await graph.aupdate_state(config_of(incident), state, as_node="monitor")


async def test_a_checkpoint_outlives_its_process(postgres: str) -> None:
    """Closed and opened again, it is there, for its own incident only."""
    async with open_saver(postgres) as saver:
        await keep(saver, "one", "because")
    async with open_saver(postgres) as saver:
        assert await kept(saver, "one") == "because"
        assert await kept(saver, "other") is None


async def test_many_start_at_once(empty_postgres: str) -> None:
    """Five processes that make the tables together do not stand in each other's way."""

    async def start() -> None:
        async with open_saver(empty_postgres):
            pass

    async with asyncio.timeout(60):
        await asyncio.gather(*(start() for _ in range(5)))


async def test_nothing_foreign_is_revived(postgres: str) -> None:
    """An object of ours in the table comes back as plain values."""
    async with open_in_postgres(postgres, JsonPlusSerializer()) as open_minded:
        await keep(open_minded, "one", Foreign("rm"))
    async with open_saver(postgres) as strict:
        assert not isinstance(await kept(strict, "one"), Foreign)


async def test_who_was_taken_over_writes_none(postgres: str) -> None:
    """A late worker's state cannot become the newest of a thread that is another's now."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("INSERT INTO turns (incident, number, worker) VALUES ('one', 7, 1)")
    async with AsyncExitStack() as stack:
        saver = await stack.enter_async_context(open_saver(postgres))
        before = TURN.set(Turn(incident="one", number=7))
        await keep(saver, "one", "in time")
        TURN.set(Turn(incident="one", number=6))
        with pytest.raises(Conflict, match="taken"):
            await keep(saver, "one", "late")
        with pytest.raises(Conflict, match="taken"):
            await saver.adelete_thread("one")
        TURN.reset(before)

        assert await kept(saver, "one") == "in time"


async def test_what_is_given_up_does_not_take_place_later(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint that waits for a lock is ended by the server too, not only left by us."""
    short = checkpoints_postgres.OPTIONS.replace(str(STATEMENT_MS), "300")
    monkeypatch.setattr(checkpoints_postgres, "OPTIONS", short)
    async with open_saver(postgres) as saver:
        with psycopg.connect(postgres) as other:
            other.execute("LOCK TABLE checkpoints, checkpoint_blobs IN SHARE MODE")
            with pytest.raises(psycopg.errors.QueryCanceled):
                await keep(saver, "one", "late")

        assert await kept(saver, "one") is None


async def test_tables_are_made_without_hurry(
    empty_postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index over many rows may take longer than any other statement."""
    found: list[Any] = []
    setup = AsyncPostgresSaver.setup

    async def noting(self: Any) -> None:
        await setup(self)
        found.extend(await (await self.conn.execute("SHOW statement_timeout")).fetchall())

    monkeypatch.setattr(AsyncPostgresSaver, "setup", noting)
    async with (
        open_in_postgres(empty_postgres, JsonPlusSerializer()) as saver,
        saver.conn.connection() as connection,
    ):
        found += await (await connection.execute("SHOW statement_timeout")).fetchall()

    assert [one["statement_timeout"] for one in found] == ["0", "9s"]


async def test_a_server_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dependency that is down, in a sentence."""
    monkeypatch.setattr(checkpoints_postgres, "WAIT_S", 0.5)
    with pytest.raises(Transient, match="does not answer"):
        async with open_saver("postgresql://me:hunter2@127.0.0.1:1/x?connect_timeout=1"):
            pass


def test_a_file_needs_nothing_of_it() -> None:
    """With SQLite neither driver nor queue is imported: they cost memory."""
    asked = (
        "import sys, nightshift.wiring, memory.store, nightshift.cli; "
        "print([m for m in ('psycopg', 'procrastinate', 'langgraph.checkpoint.postgres') "
        "if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"
