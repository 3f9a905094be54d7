"""LangGraph's checkpoints in PostgreSQL. Part of checkpoints.py, imported only when used."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.serde.base import SerializerProtocol
from psycopg import AsyncConnection, OperationalError
from psycopg import Error as PostgresError
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from domain.errors import Conflict, Transient
from memory.opening_postgres import MIGRATING_S
from memory.patience import ANSWER_S, REACHING, RECONNECT_S, STATEMENT_MS, AsyncImpatient
from memory.turns import TURN

SETUP = 0x4E6967687475
"""The advisory lock of whoever makes the tables."""
SETUP_S = 60.0
NAME = "nightshift-checkpoints"
OPTIONS = (
    "-c synchronous_commit=on -c idle_in_transaction_session_timeout=10000 "
    f"-c statement_timeout={STATEMENT_MS}"
)
WAIT_S = 10.0
"""How long a checkpoint waits for a connection."""
Pool = AsyncConnectionPool[AsyncConnection[DictRow]]


class FencedSaver(AsyncPostgresSaver):
    """Refuses what a worker writes after its incident was taken over (memory/turns.py)."""

    conn: Pool

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Save a checkpoint. Raises Conflict."""
        await self._must_be_ours()
        return await super().aput(config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Save what a node has written. Raises Conflict."""
        await self._must_be_ours()
        await super().aput_writes(config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        """Forget a thread. Raises Conflict, Transient."""
        await self._must_be_ours()
        try:
            await super().adelete_thread(thread_id)
        except PostgresError as error:
            raise Transient(f"could not delete checkpoints: {error}") from error

    async def _must_be_ours(self) -> None:
        turn = TURN.get()
        if turn is None:
            return
        asked = "SELECT 1 AS ours FROM turns WHERE incident = %s AND number = %s"
        async with self.conn.connection() as connection:
            found = await connection.execute(asked, (turn.incident, turn.number))
            if await found.fetchone() is None:
                raise Conflict(f"another worker has taken incident {turn.incident!r} over")


@asynccontextmanager
async def open_in_postgres(url: str, serde: SerializerProtocol) -> AsyncIterator[FencedSaver]:
    """A saver over a pool of connections; its tables are made here. Raises Transient."""
    kwargs = {"autocommit": True, "prepare_threshold": None, "row_factory": dict_row}
    pool: Pool = AsyncConnectionPool(
        url,
        min_size=1,
        max_size=2,  # the saver takes one at a time
        connection_class=AsyncImpatient,
        timeout=WAIT_S,
        reconnect_timeout=RECONNECT_S,
        kwargs={**REACHING, **kwargs, "options": OPTIONS, "application_name": NAME},
        check=AsyncConnectionPool.check_connection,
        open=False,
    )
    try:
        await pool.open(wait=True, timeout=WAIT_S)
        async with pool.connection() as connection:
            await _make_tables(connection)
    except OperationalError as error:
        await pool.close()
        raise Transient(f"the checkpoints' database does not answer: {error}") from error
    try:
        yield FencedSaver(pool, serde=serde)
    finally:
        await pool.close()


async def _make_tables(connection: AsyncConnection[DictRow]) -> None:
    """Make the tables while nobody else does; an index of many rows takes as long as it takes.

    One of the steps builds an index concurrently and waits for every running statement, one that
    waits for a lock of ours too; so nobody waits for it inside a statement.
    """
    end = asyncio.get_running_loop().time() + SETUP_S
    while not await _tried(connection, "pg_try_advisory_lock"):
        if asyncio.get_running_loop().time() > end:
            raise OperationalError("another process has been making its tables for a minute")
        await asyncio.sleep(0.1)
    try:
        async with _unhurried(connection):
            await AsyncPostgresSaver(connection).setup()
    finally:
        await _tried(connection, "pg_advisory_unlock")


@asynccontextmanager
async def _unhurried(connection: AsyncConnection[DictRow]) -> AsyncIterator[None]:
    assert isinstance(connection, AsyncImpatient)  # noqa: S101  # the pool's class
    connection.patience_s = MIGRATING_S
    await connection.execute("SET statement_timeout = 0")
    try:
        yield
    finally:
        await connection.execute("RESET statement_timeout")
        connection.patience_s = ANSWER_S


async def _tried(connection: AsyncConnection[DictRow], function: str) -> bool:
    found = await connection.execute(f"SELECT {function}(%s) AS done", (SETUP,))
    row = await found.fetchone()
    return row is not None and bool(row["done"])
