"""Where LangGraph's checkpoints go, strict about what is read back.

A file of its own, or the PostgreSQL database that several hosts share.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import WRITES_IDX_MAP, BaseCheckpointSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from domain.errors import BadConfiguration, Transient

CHECKPOINTS = "checkpoints.db"
"""The file's name in the data directory."""


PRAGMAS = (
    "busy_timeout=5000",
    "auto_vacuum=INCREMENTAL",  # before the first table: a new file can give space back
    "journal_mode=WAL",
    "synchronous=FULL",
)
SHRINK = "PRAGMA incremental_vacuum(4096); PRAGMA wal_checkpoint(TRUNCATE);"
"""At most 16 MiB at a time go back to the disk: checkpoints wait meanwhile."""


def strict_serde() -> JsonPlusSerializer:
    """A serializer that revives nothing but plain values and LangGraph's own types.

    The state holds plain values only, so that a checkpoint somebody tampered with cannot
    make this process import anything. The same as LANGGRAPH_STRICT_MSGPACK=true, said in code.
    """
    return JsonPlusSerializer(allowed_msgpack_modules=None, pickle_fallback=False)


class SparingSaver(AsyncSqliteSaver):
    """One commit a node: what it wrote is kept with the checkpoint after it, and not before too.

    Kept apart it would only spare a node its second run after a kill between the two, and a node
    may run again. What no checkpoint holds (errors, interrupts, answers) is kept at once.
    """

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Save what a task has written, where no checkpoint will."""
        if any(channel in WRITES_IDX_MAP for channel, _ in writes):
            await super().aput_writes(config, writes, task_id, task_path)


@asynccontextmanager
async def open_saver(place: Path | str) -> AsyncIterator[BaseCheckpointSaver[str]]:
    """The checkpoints of the store at that place: a data directory, a server's address."""
    if isinstance(place, Path):
        async with open_checkpoints(place / CHECKPOINTS) as saver:
            yield saver
        return
    from nightshift.checkpoints_postgres import open_in_postgres

    async with open_in_postgres(place, strict_serde()) as server:
        yield server


@asynccontextmanager
async def open_checkpoints(path: Path) -> AsyncIterator[AsyncSqliteSaver]:
    """Open or create the checkpoint file; a commit is on disk when it returns.

    Raises BadConfiguration when it cannot be made.
    """
    await asyncio.to_thread(_make_private, path)
    async with aiosqlite.connect(path) as connection:
        for pragma in PRAGMAS:
            await connection.execute(f"PRAGMA {pragma}")
        saver = SparingSaver(connection, serde=strict_serde())
        await saver.setup()
        yield saver


def _make_private(path: Path) -> None:
    """For this user alone before SQLite opens it: its -wal and -shm get the file's own mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        for file in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
            if file.exists():
                file.chmod(0o600)
    except OSError as error:
        raise BadConfiguration(
            f"the checkpoints {str(path)!r} cannot be written ({error.strerror}): "
            "set NIGHTSHIFT_DATA_DIR to a directory this user owns"
        ) from error


async def forget(saver: BaseCheckpointSaver[str], incident: str) -> None:
    """Delete all checkpoints of an incident's own thread. Raises Transient."""
    try:
        await saver.adelete_thread(incident)
    except sqlite3.Error as error:
        raise Transient(f"could not delete checkpoints: {error}") from error


async def shrink(saver: BaseCheckpointSaver[str]) -> int:
    """Give back to the disk what deleted checkpoints took; returns the bytes. Raises Transient.

    A file of before this was possible keeps its size and fills its gaps first; a server's tables
    are the server's business.
    """
    if not isinstance(saver, AsyncSqliteSaver):
        return 0
    try:
        async with saver.lock:
            before = await _pages(saver.conn)
            await saver.conn.executescript(SHRINK)  # `execute` would free a single page
            gone = before - await _pages(saver.conn)
            return gone * await _number(saver.conn, "page_size")
    except sqlite3.Error as error:
        raise Transient(f"could not shrink the checkpoint file: {error}") from error


async def _pages(connection: aiosqlite.Connection) -> int:
    return await _number(connection, "page_count")


async def _number(connection: aiosqlite.Connection, pragma: str) -> int:
    (row,) = await connection.execute_fetchall(f"PRAGMA {pragma}")
    return int(row[0])
