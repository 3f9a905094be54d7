"""Opening the store's file: the lock, the checks, the schema. Not here: transactions."""

import fcntl
import os
import sqlite3
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from domain.errors import BadConfiguration
from domain.ports import Clock
from memory import migrations
from memory.database import Database, reason

FILE = "nightshift.db"
LOCK = "nightshift.lock"
CHECKED_BYTES = 32 * 1024**2
"""Up to this size the file is checked at every start; above, it would delay the service."""


def open_database(place: Path | str, *, clock: Clock, owner: bool) -> Database:
    """Open or create the file, or the server's database, up to date; call it in a thread.

    The owner (the service) keeps others who want to be owner out; without it (the command line)
    the file must exist and be up to date. Raises BadConfiguration.
    """
    if is_server(place):
        return _on_server(str(place), clock=clock, owner=owner)
    path = _file(place)
    lock = _own(path) if owner else None
    try:
        if owner:
            _make_private(path)
        return _opened(path, clock=clock, owner=owner, lock=lock)
    except BaseException:
        if lock is not None:
            os.close(lock)
        raise


def is_server(place: Path | str) -> bool:
    """Whether this is the address of a PostgreSQL database."""
    return str(place).startswith(("postgresql://", "postgres://"))


def _on_server(place: str, *, clock: Clock, owner: bool) -> Database:
    try:
        from memory.opening_postgres import open_postgres
    except ImportError as error:
        raise BadConfiguration(
            f"DATABASE_URL names PostgreSQL, and {error.name!r} is not installed: "
            "pip install 'nightshift[postgres]'"
        ) from error
    return open_postgres(place.replace("postgres://", "postgresql://", 1), clock=clock, owner=owner)


def _file(place: Path | str) -> Path:
    text = str(place)
    if "://" not in text:
        return Path(text) / FILE
    scheme, _, rest = text.partition(":///")
    if scheme != "sqlite" or not rest:
        raise BadConfiguration(
            f"DATABASE_URL has the scheme {text.partition('://')[0]!r}; "
            "Nightshift stores in a directory, sqlite:///path/to/file or postgresql://user@host/name"
        )
    return Path(rest)


def _own(path: Path) -> int:
    """Take the lock of the data directory and return its descriptor. Raises BadConfiguration."""
    folder = path.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise BadConfiguration(_unwritable(folder, error)) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        other = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
        os.close(lock)
        raise BadConfiguration(
            f"another Nightshift (process {other or 'unknown'}) works on {str(folder)!r}: "
            "stop it first, or set NIGHTSHIFT_DATA_DIR to another directory"
        ) from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    return lock


def _make_private(path: Path) -> None:
    """Create the file for this user alone; only the lock's holder may do this.

    Closing any descriptor of a file drops the locks that SQLite has on it in this process.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        path.chmod(0o600)
    except OSError as error:
        raise BadConfiguration(_unwritable(path.parent, error)) from error


def _unwritable(folder: Path, error: OSError) -> str:
    return (
        f"the data directory {str(folder)!r} cannot be written ({error.strerror}): "
        "set NIGHTSHIFT_DATA_DIR to a directory this user owns"
    )


def _opened(path: Path, *, clock: Clock, owner: bool, lock: int | None) -> Database:
    if not path.exists():
        raise BadConfiguration(
            f"there is no store at {str(path)!r}: start the service once, "
            "or set NIGHTSHIFT_DATA_DIR to where it keeps its data"
        )
    database = Database(path, owner=owner, lock=lock)
    try:
        with database.writer.begin() as connection:
            _check(connection, path)
            migrations.bring_up(
                connection, f"the store {str(path)!r}", now=clock.now(), owner=owner
            )
    except (SQLAlchemyError, sqlite3.Error) as error:
        database.writer.dispose()
        raise BadConfiguration(_broken(path, reason(error))) from error
    except BadConfiguration:
        database.writer.dispose()
        raise
    return database


def _check(connection: Connection, path: Path) -> None:
    if path.stat().st_size > CHECKED_BYTES:
        return
    said = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if said != "ok":
        raise BadConfiguration(_broken(path, str(said)))


def _broken(path: Path, why: str) -> str:
    return (
        f"the store {str(path)!r} cannot be used ({why}): restore the last backup, "
        "or move the file away to start with an empty store"
    )
