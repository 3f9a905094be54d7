"""Where LangGraph's checkpoints go: a file of its own, strict about what it reads back."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from domain.errors import BadConfiguration


def strict_serde() -> JsonPlusSerializer:
    """A serializer that revives nothing but plain values and LangGraph's own types.

    The state holds plain values only, so that a checkpoint somebody tampered with cannot
    make this process import anything. The same as LANGGRAPH_STRICT_MSGPACK=true, said in code.
    """
    return JsonPlusSerializer(allowed_msgpack_modules=None, pickle_fallback=False)


@asynccontextmanager
async def open_checkpoints(path: Path) -> AsyncIterator[AsyncSqliteSaver]:
    """Open or create the checkpoint file; a commit is on disk when it returns.

    Raises BadConfiguration when it cannot be made.
    """
    await asyncio.to_thread(_make_private, path)
    async with aiosqlite.connect(path) as connection:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
            await connection.execute(f"PRAGMA {pragma}")
        saver = AsyncSqliteSaver(connection, serde=strict_serde())
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
