"""TCP gates: what runs in a guest answers through one, and is silent while the guest is down.

Not here: whether it is down.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Self

from lab.processes import free_port

_LOOK_EVERY_S = 0.1
_CHUNK = 65536
Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class Gates:
    """Any number of ports on 127.0.0.1 that lead somewhere else as long as `is_open()` says so."""

    def __init__(self, is_open: Callable[[], bool]) -> None:
        self._is_open = is_open
        self._servers: list[asyncio.Server] = []
        self._through: set[asyncio.StreamWriter] = set()
        self._carrying: set[asyncio.Task[object]] = set()
        self._guard: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._guard = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._guard is not None:
            self._guard.cancel()
        for server in self._servers:
            server.close()
        self._cut()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    async def to_socket(self, path: str) -> int:
        """A port that leads to a Unix socket."""
        return await self._open(free_port(), lambda: asyncio.open_unix_connection(path))

    async def to_port(self, host: str, port: int) -> int:
        """The same port on 127.0.0.1, leading to another address of this machine."""
        return await self._open(port, lambda: asyncio.open_connection(host, port))

    async def _open(self, port: int, connect: Connect) -> int:
        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101  # asyncio runs every connection in a task
            self._carrying.add(task)
            task.add_done_callback(self._carrying.discard)
            await self._carry(reader, writer, connect)

        self._servers.append(await asyncio.start_server(carry, "127.0.0.1", port))
        return port

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connect: Connect
    ) -> None:
        with self._kept(writer), suppress(OSError):
            if self._is_open():
                there, back = await connect()
                with self._kept(back):
                    await asyncio.gather(_pump(reader, back), _pump(there, writer))

    @contextmanager
    def _kept(self, writer: asyncio.StreamWriter) -> Iterator[None]:
        """One end of a connection: known while it lasts, cut when it is over."""
        self._through.add(writer)
        try:
            yield
        finally:
            self._through.discard(writer)
            writer.transport.abort()

    async def _watch(self) -> None:
        while True:
            if not self._is_open():
                self._cut()
            await asyncio.sleep(_LOOK_EVERY_S)

    def _cut(self) -> None:
        for writer in list(self._through):
            writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand on what comes until it ends, then end the other side's input."""
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
