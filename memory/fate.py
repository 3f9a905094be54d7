"""Whether a commit took place whose answer never came. Not here: what was written by it.

A connection that dies under a COMMIT leaves both possible, and whoever then writes again may
write twice. The server knows: each transaction has a number, and the number a status.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from domain.errors import Unanswered

PATIENCE_S = 10.0
"""How long the server is asked what became of a commit: longer than it takes to start again."""
AGAIN_S = 0.2
_NUMBER = text("SELECT pg_current_xact_id()::text")
_STATUS = text("SELECT pg_xact_status(CAST(:number AS xid8))")
Lock = Callable[[Connection], None]


@contextmanager
def certain(engine: Engine, lock: Lock) -> Iterator[Connection]:
    """One transaction behind the writers' lock, which has taken place if no error is raised.

    Raises SQLAlchemyError (it has not), Unanswered (nobody can tell).
    """
    number, committing = "", False
    try:
        with engine.begin() as connection:
            lock(connection)
            number = connection.execute(_NUMBER).scalar_one()
            yield connection
            committing = True
    except DBAPIError as error:
        lost = committing and error.connection_invalidated
        if not (lost and took_place(engine, lock, number)):
            raise


def took_place(engine: Engine, lock: Lock, number: str) -> bool:
    """Whether the transaction of that number was committed. Raises Unanswered.

    It held the writers' lock to its end: once the lock is ours it is over, one way or the other.
    """
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            with engine.begin() as connection:
                lock(connection)
                status = connection.execute(_STATUS, {"number": number}).scalar()
                return bool(status == "committed")
        except SQLAlchemyError as error:
            if time.monotonic() > end:
                raise Unanswered(
                    "the store's server went away under a commit: it may have been written"
                ) from error
            time.sleep(AGAIN_S)
