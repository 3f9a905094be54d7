"""Serving an ASGI app in this process over real HTTP, on a free loopback port.

Not here: any vendor's protocol.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

GRACE_S = 2
"""How long a connection that begins while the server ends may take to end."""


class _Server(uvicorn.Server):
    """A server that leaves the process's signal handlers alone, and no connection behind."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install nothing."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Hang up on all: a client need not answer the end of TLS, and would be waited for."""
        self._hang_up()
        await super().shutdown(sockets)
        self._hang_up()
        await asyncio.sleep(0)  # a transport closes its socket in the loop's next turn

    def _hang_up(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()


class _Ending:
    """Keeps the requests in hand, so that open streams can be ended without a word."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._tasks: set[asyncio.Task[object]] = set()
        self._over = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hang up when the block ends."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # uvicorn runs every request in a task
        self._tasks.add(task)
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            if not self._over:
                raise
            await hang_up(send)
        finally:
            self._tasks.discard(task)

    async def end(self) -> None:
        """Hang up on every open request."""
        self._over = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def hang_up(send: Send) -> None:
    """Drop the TCP connection of a request; uvicorn's own `send` is the way to it."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()
    await asyncio.sleep(0.01)  # let uvicorn notice, so that it does not answer 500


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, **options: Any) -> AsyncIterator[str]:
    """Serve `app` until the block ends; yields `http://127.0.0.1:<port>`.

    Open streams are cut when the block ends. `options` are uvicorn's: with `ssl_certfile` and
    `ssl_keyfile` the URL begins with `https`.
    """
    ending = _Ending(app)
    server = _Server(
        uvicorn.Config(
            ending,
            log_config=None,
            lifespan="off",
            proxy_headers=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=GRACE_S,
            **options,
        )
    )
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        # asyncio does this only for sockets that name their protocol; without it each answer waits
        # 40 ms for the reader's acknowledgement
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            while not server.started:
                await asyncio.sleep(0.005)
                if task.done():
                    task.result()
            scheme = "https" if server.config.is_ssl else "http"
            yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            await ending.end()
            server.should_exit = True
            await task
