"""Where LangGraph's checkpoints go: a file of its own, strict about what it reads back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

CHECKPOINTS = "checkpoints.db"
"""The file's name in the data directory."""


def strict_serde() -> JsonPlusSerializer:
    """A serializer that revives nothing but plain values and LangGraph's own types.

    The state holds plain values only, so that a checkpoint somebody tampered with cannot
    make this process import anything. The same as LANGGRAPH_STRICT_MSGPACK=true, said in code.
    """
    return JsonPlusSerializer(allowed_msgpack_modules=None, pickle_fallback=False)


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
