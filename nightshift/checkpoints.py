"""Where LangGraph's checkpoints go, strict about what is read back.

A file of its own, or the PostgreSQL database that several hosts share.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

FILE = "checkpoints.db"


def strict_serde() -> JsonPlusSerializer:
    """A serializer that revives nothing but plain values and LangGraph's own types.

    The state holds plain values only, so that a checkpoint somebody tampered with cannot
    make this process import anything. The same as LANGGRAPH_STRICT_MSGPACK=true, said in code.
    """
    return JsonPlusSerializer(allowed_msgpack_modules=None, pickle_fallback=False)


@asynccontextmanager
async def open_saver(place: Path | str) -> AsyncIterator[BaseCheckpointSaver[str]]:
    """The checkpoints of the store at that place: a data directory, a server's address."""
    if isinstance(place, Path):
        async with open_checkpoints(place / FILE) as saver:
            yield saver
        return
    from nightshift.checkpoints_postgres import open_in_postgres

    async with open_in_postgres(place, strict_serde()) as server:
        yield server


@asynccontextmanager
async def open_checkpoints(path: Path) -> AsyncIterator[AsyncSqliteSaver]:
    """Open or create the checkpoint file; a commit is on disk when it returns."""
    async with aiosqlite.connect(path) as connection:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
            await connection.execute(f"PRAGMA {pragma}")
        saver = AsyncSqliteSaver(connection, serde=strict_serde())
        await saver.setup()
        await asyncio.to_thread(path.chmod, 0o600)
        yield saver
