"""A PostgreSQL of the tests' own: a server for the session, a database for a test."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
from sqlalchemy import Connection

from lab.postgres import MISSING, Server, binaries, stoppable
from memory.schema_postgres import raw
from tests.conftest import miss


@contextmanager
def cluster() -> Iterator[str]:
    """The address of a fresh server that ends with the block; it keeps nothing safe, quickly."""
    with server() as fresh:
        yield fresh.address


@contextmanager
def server() -> Iterator[Server]:
    """The same, and it can be stopped and started again. Without `fsync` the kernel must live."""
    if binaries() is None:
        miss(MISSING)
    with stoppable(["fsync=off"]) as fresh:
        yield fresh


@contextmanager
def database(server: str, *, like: str = "/template0") -> Iterator[str]:
    """The address of a new database, a copy of that one, which is gone after the block."""
    name, template = f"t{uuid4().hex}", like.rpartition("/")[2]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield server.rpartition("/")[0] + f"/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def commit_unheard(connection: Connection) -> None:
    """The server commits, and the connection dies before it says so; for a `commit` event."""
    raw(connection).pgconn.exec_(b"COMMIT")
    raw(connection).pgconn.finish()
