"""uvicorn as a well-behaved process. Not here: the application (server.py)."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import structlog
import uvicorn
from starlette.types import ASGIApp

log = structlog.get_logger(__name__)

LEAVE_S = 28.0
"""When the process is gone at the latest: service managers kill after 30 s or more."""


class Server(uvicorn.Server):
    """Ends in order on a signal and lets its caller go on, where uvicorn would die of it.

    `ending` is called first, so that work in hand ends beside open requests and not after them.
    """

    def __init__(self, config: uvicorn.Config, ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ending = ending

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say that the end has begun, then close connections."""
        self._ending()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """While it serves, SIGINT and SIGTERM ask it to end; a second one insists."""
        kept = {one: signal.signal(one, self.handle_exit) for one in uvicorn.server.HANDLED_SIGNALS}
        try:
            yield
        finally:
            for one, handler in kept.items():
                signal.signal(one, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End in order; at once when told so a second time from the keyboard."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def note_early_end(within_s: float) -> Callable[[], bool]:
    """From now on a SIGTERM is only noted, until a server takes it over; whether there was one.

    Work is taken up before the server answers: a process told to stop in between drains too, and
    is gone `within_s` later.
    """
    noted: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        noted.append(number)
        leave_within(within_s)

    signal.signal(signal.SIGTERM, note)
    return lambda: bool(noted)


def leave_within(seconds: float) -> None:
    """End this process then, with exit code 0, whatever still holds it.

    Python waits at its end for every thread, and a thread that waits for a silent daemon cannot
    be told to stop. Everything that matters is on the disk long before: what is cut off is what
    `kill -9` would cut off, and is settled at the next start.
    """
    timer = threading.Timer(seconds, _leave, [seconds])
    timer.daemon = True
    timer.start()


def _leave(seconds: float) -> None:
    log.warning("left_with_calls_unanswered", after_s=seconds)
    os._exit(0)


def server_for(
    application: ASGIApp, *, drain_s: int, ending: Callable[[], None] = lambda: None
) -> Server:
    """A server for sockets that listen already; open streams hold its end for `drain_s`."""
    return Server(
        uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # auth.py asks who called, and who stands between
            lifespan="on",
            timeout_graceful_shutdown=drain_s,
            timeout_keep_alive=30,
        ),
        ending,
    )
