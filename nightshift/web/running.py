"""uvicorn as a well-behaved process. Not here: the application (server.py)."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from starlette.types import ASGIApp


class Server(uvicorn.Server):
    """Ends in order on a signal and lets its caller go on, where uvicorn would die of it."""

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


def server_for(application: ASGIApp, *, drain_s: int) -> Server:
    """A server for sockets that listen already; open streams hold its end for `drain_s`."""
    return Server(
        uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
            timeout_graceful_shutdown=drain_s,
            timeout_keep_alive=30,
        )
    )
