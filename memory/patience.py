"""Connections that give a silent server up. Not here: what is asked of it.

A server that is frozen, or whose disk hangs, breaks no connection, and none of its own time-outs
runs: the kernel below it goes on confirming what we send. So the time is taken at our end.
"""

import time
from collections.abc import Generator
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

CONNECT_S = 5
ANSWER_S = 10.0
"""A server that has sent nothing for so long, with a statement in hand, counts as gone."""
STATEMENT_MS = 9000
"""One that is only slow ends the statement itself, a little earlier, and lets go of its locks.

Without it what we have given up would wait on, and take place when nobody expects it any more.
"""
REACHING: dict[str, Any] = {
    "connect_timeout": CONNECT_S,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""How soon a host that is gone is noticed, on connections that only listen too."""
RECONNECT_S = 4.0
"""So long a pool tries anew by itself, each time after a longer pause (minutes, in the end). Then
it forgets the connection, and whoever asks next begins afresh."""


class _Impatient:
    """Mixed into psycopg's connections: whatever waits for an answer waits `patience_s`."""

    patience_s = ANSWER_S

    def wait(self, gen: Generator[Any, Any, Any], *args: Any, **kwargs: Any) -> Any:
        """Psycopg's own, for the length of our patience. Raises OperationalError."""
        waiting: Any = super()
        return waiting.wait(_answered(gen, self), *args, **kwargs)


class Impatient(_Impatient, psycopg.Connection[Any]):
    """For threads."""


class AsyncImpatient(_Impatient, psycopg.AsyncConnection[Any]):
    """For the event loop."""


def _answered(gen: Generator[Any, Any, Any], connection: Any) -> Generator[Any, Any, Any]:
    """The same steps, until the server owes an answer for too long: then the connection is cut.

    Who only listens has asked nothing, and waits for ever. Raises OperationalError.
    """
    pgconn, heard = connection.pgconn, time.monotonic()
    ready: Any = None
    while True:
        try:
            wanted = gen.send(ready)
        except StopIteration as done:
            return done.value
        ready = yield wanted
        if ready:
            heard = time.monotonic()
        elif pgconn.transaction_status == TransactionStatus.ACTIVE and _over(heard, connection):
            pgconn.finish()
            raise psycopg.OperationalError(
                f"the server gave no answer within {connection.patience_s:g} s"
            )


def _over(heard: float, connection: Any) -> bool:
    return bool(time.monotonic() - heard > connection.patience_s)
