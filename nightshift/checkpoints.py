"""Where LangGraph's checkpoints go, strict about what is read back.

A file of its own, or the PostgreSQL database that several hosts share.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

from domain.errors import BadConfiguration, Transient

P = ParamSpec("P")
T = TypeVar("T")

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


class FileSaver(SqliteSaver):
    """LangGraph's saver for a file, in a thread of its own: its asynchronous one hops five times.

    One commit a node: what a node wrote is kept with the checkpoint after it, and not before too.
    Kept apart it would only spare the node its second run after a kill between the two, and a node
    may run again. What no checkpoint holds (errors, interrupts, answers) is kept at once.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection, serde=strict_serde())
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoints")

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call it in the thread."""
        call = partial(work, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """That checkpoint of a thread, or its last."""
        return await self.run(self.get_tuple, config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # LangGraph's word
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """The checkpoints, newest first."""
        found = partial(self.list, config, filter=filter, before=before, limit=limit)
        for one in await self.run(lambda: list(found())):
            yield one

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Save a checkpoint; it is on the disk on return."""
        return await self.run(self.put, config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Save what a task has written, where no checkpoint will."""
        if any(channel in WRITES_IDX_MAP for channel, _ in writes):
            await self.run(self.put_writes, config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        """Forget a thread."""
        await self.run(self.delete_thread, thread_id)

    async def aclose(self) -> None:
        """Wait for what runs, then let go of the file."""
        await self.run(self.conn.close)
        self._thread.shutdown()


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
async def open_checkpoints(path: Path) -> AsyncIterator[FileSaver]:
    """Open or create the checkpoint file; a commit is on disk when it returns.

    Raises BadConfiguration when it cannot be made.
    """
    await asyncio.to_thread(_make_private, path)
    saver = FileSaver(sqlite3.connect(path, check_same_thread=False))
    try:
        await saver.run(_prepare, saver)
        yield saver
    finally:
        await saver.aclose()


def _prepare(saver: FileSaver) -> None:
    for pragma in PRAGMAS:
        saver.conn.execute(f"PRAGMA {pragma}")
    saver.setup()


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
    if not isinstance(saver, FileSaver):
        return 0
    try:
        return await saver.run(_shrink, saver)
    except sqlite3.Error as error:
        raise Transient(f"could not shrink the checkpoint file: {error}") from error


def _shrink(saver: FileSaver) -> int:
    with saver.lock:
        before = _number(saver.conn, "page_count")
        saver.conn.executescript(SHRINK)  # `execute` would free a single page
        gone = before - _number(saver.conn, "page_count")
        return gone * _number(saver.conn, "page_size")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])
