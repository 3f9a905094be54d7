"""Transactions in threads: one writer, a few readers, one file. Not here: any table's meaning.

SQLite takes one writer at a time, so all writes of this process queue at one thread instead of
at a lock (docs/adr/0001). Durability: WAL, and `synchronous=FULL`: a commit is on the disk.
"""

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from domain.errors import Transient
from memory.changes import Changes
from memory.held import Held
from memory.threads import Threads
from memory.together import Together, Write

P = ParamSpec("P")
T = TypeVar("T")

READERS = 4
BUSY_TIMEOUT_MS = 2000
"""How long a write waits for another process (the CLI beside the service).

A delivery waits for writes that wait before it, and for little longer than Alertmanager does.
"""


class Database:
    """Runs functions of a connection as whole transactions, off the event loop."""

    shared = False
    """Whether other processes write here as this one does."""

    def __init__(self, path: Path, *, owner: bool, lock: int | None) -> None:
        self.path = path
        self.owner = owner
        self.changes = Changes()
        self._lock = lock
        self._closed = False
        self._writing = Threads(1, "store-write")
        self._reading = Threads(READERS, "store-read")
        self.writer, self.reader = self._engines()
        self.writing, self.looking = Held(self.writer), Held(self.reader)
        self._together = Together(self._transaction)

    def _engines(self) -> tuple[Engine, Engine]:
        """The one that writes and the one that reads."""
        return (
            _engine(self.path, begin="BEGIN IMMEDIATE", size=1, pragmas=()),
            _engine(self.path, begin="BEGIN", size=READERS, pragmas=("query_only=ON",)),
        )

    def _transaction(self) -> AbstractContextManager[Connection]:
        """One of the writing thread's."""
        return self.writing.begin()

    def _sight(self) -> AbstractContextManager[Connection]:
        """One of a reading thread's."""
        return self.looking.begin()

    async def write(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """One write transaction, durable on return; wakes whoever waits for a change.

        A caller that is cancelled does not stop it: it commits or fails as a whole.
        Raises Transient.
        """
        told = partial(asyncio.get_running_loop().call_soon_threadsafe, self.changes.notify)
        whole = self.prepared(lambda connection: work(connection, *args, **kwargs), quiet=False)
        return await self._write(whole, told)

    async def write_quietly(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The same for what nobody waits for. Raises Transient."""
        whole = self.prepared(lambda connection: work(connection, *args, **kwargs), quiet=True)
        return await self._write(whole, _nobody)

    def prepared(
        self, work: Callable[[Connection], T], *, quiet: bool
    ) -> Callable[[Connection], T]:
        """A write as this database wants it; a file's only writer needs nothing."""
        return work

    def queued(
        self, connection: Connection, tenant: str, incidents: Sequence[str], delay: timedelta
    ) -> None:
        """Incidents got a job due after `delay`; in a file, the row is the job."""

    async def read(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """One read transaction: a single state of the whole store. Raises Transient."""

        def whole() -> T:
            with self._sight() as connection:
                return work(connection, *args, **kwargs)

        return await self._patiently(partial(self._look, whole))

    async def _look(self, whole: Callable[[], T]) -> T:
        self._must_be_open()
        with _translated():
            return await self._reading.call(whole)

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """A transaction, as often as it makes sense; a file does not come back by itself."""
        return await call()

    async def _write(self, work: Callable[[Connection], T], told: Callable[[], object]) -> T:
        return await self._patiently(partial(self._append, work, told))

    async def _append(self, work: Callable[[Connection], T], told: Callable[[], object]) -> T:
        """Queue up for the writing thread; what waits there together is committed together.

        Its turn comes even if the caller is cancelled: else nobody might work off what waits.
        """
        write = Write(work=work, told=told)
        self._must_be_open()
        self._together.append(write)
        turn = partial(self._together.turn_of, write)
        with _translated():
            return await self._writing.call(turn, always=True)

    @property
    def crowded(self) -> bool:
        """Whether so many writes wait that what can come again should come later."""
        return self._together.crowded

    def _must_be_open(self) -> None:
        if self._closed:
            raise Transient("the store is closed: this process is shutting down")

    async def start_listening(self) -> None:
        """Hear of other processes' changes; those of a file are looked for by whoever waits."""

    async def close(self) -> None:
        """Wait for what runs, then let go of the file and its lock."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._reading.shutdown()
        self._writing.shutdown()
        self.dispose()
        if self._lock is not None:
            os.close(self._lock)

    def dispose(self) -> None:
        """Close the connections."""
        self.looking.close()
        self.writing.close()
        self.reader.dispose()
        self.writer.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise Transient(f"the store did not do it: {reason(error)}") from error


def _nobody() -> None:
    """Nobody waits for this change."""


def reason(error: Exception) -> str:
    """What the driver said, without statement and values."""
    return str(error.orig) if isinstance(error, DBAPIError) else str(error)


def insert_into(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that can say `on_conflict_…`, in the dialect of that name."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def _engine(path: Path, *, begin: str, size: int, pragmas: tuple[str, ...]) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        hide_parameters=True,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        pool_reset_on_return=None,
        connect_args={"check_same_thread": False},
    )
    settings = (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        *pragmas,
    )

    @event.listens_for(engine, "connect")
    def _set(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None
        for setting in settings:
            connection.execute(f"PRAGMA {setting}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # past SQLAlchemy, whose preparation of a statement costs more than this one takes
        connection.connection.cursor().execute(begin)

    return engine
