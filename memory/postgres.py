"""Transactions on PostgreSQL: one writer at a time in the whole cluster. Not here: tables.

SQLite's `BEGIN IMMEDIATE` lets one writer in, and the journal's chain, the fences, the order of
events and the caps of a reservation rest on it. Here each write takes one advisory lock first and
lets go of it by its commit: the same promise, across processes (docs/adr/0008).
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import structlog
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.pool import QueuePool

from domain.errors import Conflict
from memory.database import BUSY_TIMEOUT_MS, READERS, Database
from memory.enqueueing import enqueue
from memory.fate import certain
from memory.outage import ridden_out
from memory.patience import REACHING, STATEMENT_MS, AsyncImpatient, Impatient
from memory.turns import TURN, is_current

T = TypeVar("T")

log = structlog.get_logger(__name__)

WRITER = 0x4E69676874
"""The advisory lock of all writes of one database ("Night")."""
CHANNEL = "nightshift"
IDLE_MS = 10_000
"""A frozen process may hold the writers' lock this long; then the server ends its session."""
RECONNECT_S = 1.0
_LOCK = text("SELECT pg_advisory_xact_lock(:key)").bindparams(key=WRITER)
_NOTIFY = text("SELECT pg_notify(:channel, :sender)")


class PostgresDatabase(Database):
    """The same functions, as transactions of a server that several processes share."""

    shared = True

    def __init__(self, url: URL, *, owner: bool) -> None:
        self.url = url
        super().__init__(Path(), owner=owner, lock=None)
        self._sender = uuid.uuid4().hex
        self._listening: asyncio.Task[None] | None = None

    def _engines(self) -> tuple[Engine, Engine]:
        look = _options("default_transaction_read_only=on")
        return (
            _engine(self.url, size=1, options=_options(), level="READ COMMITTED"),
            _engine(self.url, size=READERS, options=look, level="REPEATABLE READ"),
        )

    def _transaction(self) -> AbstractContextManager[Connection]:
        """Alone in the cluster, and not in the dark about its commit."""
        return certain(self.writer, lock_writers)

    def _sight(self) -> AbstractContextManager[Connection]:
        """One of a reading thread's, on a connection that the pool has found alive."""
        return self.reader.begin()

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """A server comes back: who drives an incident waits for it."""
        return await ridden_out(call, over=lambda: self._closed)

    def prepared(
        self, work: Callable[[Connection], T], *, quiet: bool
    ) -> Callable[[Connection], T]:
        """Only while the segment that asks has not been taken over."""
        turn = TURN.get()

        def fenced(connection: Connection) -> T:
            if turn is not None and not is_current(connection, turn):
                raise Conflict(
                    f"another worker has taken incident {turn.incident!r} over: "
                    "this one was too long without a sign of life"
                )
            result = work(connection)
            if not quiet:
                connection.execute(_NOTIFY, {"channel": CHANNEL, "sender": self._sender})
            return result

        return fenced

    def queued(
        self, connection: Connection, tenant: str, incidents: Sequence[str], delay: timedelta
    ) -> None:
        """Let Procrastinate wake a worker for them, in the same transaction."""
        enqueue(connection, tenant, [(incident, delay) for incident in incidents])

    async def start_listening(self) -> None:
        """From now on, other processes' changes wake who waits for one."""
        tried = asyncio.Event()
        self._listening = asyncio.create_task(self._listen(tried), name="store-listen")
        await tried.wait()

    async def close(self) -> None:
        """Wait for what runs, then hang up."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        await super().close()

    async def _listen(self, tried: asyncio.Event) -> None:
        """Follow the channel for ever; while it cannot be heard, wake everybody each second."""
        while True:
            try:
                await self._follow(tried)
            except psycopg.Error as error:
                log.warning("changes_not_heard", error=type(error).__name__)
            tried.set()
            self.changes.notify()
            await asyncio.sleep(RECONNECT_S)

    async def _follow(self, tried: asyncio.Event) -> None:
        connection = await AsyncImpatient.connect(address(self.url), autocommit=True, **REACHING)
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            self.changes.notify()  # whatever was missed
            tried.set()
            async for said in connection.notifies():
                if said.payload != self._sender:
                    self.changes.notify()


def lock_writers(connection: Connection) -> None:
    """Keep every other writer out until this transaction ends."""
    connection.execute(_LOCK)


def url_of(place: str) -> URL:
    """The address as SQLAlchemy wants it, by psycopg 3."""
    return make_url(place).set(drivername="postgresql+psycopg")


def address(url: URL) -> str:
    """The address as psycopg itself wants it, password included: never log it."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def named(url: URL) -> str:
    """The address for people, without the password."""
    return url.set(drivername="postgresql", password=None).render_as_string()


def _options(*more: str) -> str:
    settings = (
        "synchronous_commit=on",
        f"lock_timeout={BUSY_TIMEOUT_MS}",
        f"statement_timeout={STATEMENT_MS}",
        f"idle_in_transaction_session_timeout={IDLE_MS}",
        *more,
    )
    return " ".join(f"-c {setting}" for setting in settings)


def _engine(url: URL, *, size: int, options: str, level: Any) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        pool_pre_ping=True,
        isolation_level=level,
    )

    @event.listens_for(engine, "do_connect")
    def _connect(_: Any, __: Any, words: Any, given: dict[str, Any]) -> psycopg.Connection[Any]:
        own = {"options": options, "application_name": "nightshift"}
        return Impatient.connect(*words, **{**REACHING, **given, **own})

    @event.listens_for(engine, "connect")
    def _set(connection: psycopg.Connection[Any], _: Any) -> None:
        connection.prepare_threshold = None  # poolers between us and the server lose them

    return engine
