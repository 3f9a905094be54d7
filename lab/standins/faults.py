"""Faults that any stand-in can be told to show, per route: delay, error, broken connection.

Not here: the routes themselves, or faults of the services behind them (lab/world.py).
"""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab.standins.serving import hang_up


class Disconnected(Exception):
    """The stand-in hangs up here on purpose."""


@dataclass(kw_only=True)
class Fault:
    """What one route does instead of, or before, its work.

    `delay_s` waits first. `status` answers with that code and `body` (the route is not run).
    `disconnect` = "before" hangs up without running the route; "after" runs it, so that its
    effect takes place, and hangs up without a word; "amid" sends `after_chunks` body chunks
    first. `times` counts down with each use; None means for ever.
    """

    method: str
    path: re.Pattern[str]
    delay_s: float = 0.0
    status: int | None = None
    body: bytes = b'{"message":"injected"}'
    content_type: str = "application/json"
    disconnect: str = ""
    after_chunks: int = 1
    times: int | None = None
    used: int = 0

    def fits(self, method: str, path: str) -> bool:
        """Whether this request meets the fault now."""
        spent = self.times is not None and self.used >= self.times
        return not spent and self.method in {"*", method} and bool(self.path.search(path))


@dataclass
class Faults:
    """The faults a stand-in has been told; the first that fits a request is shown."""

    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def add(
        self,
        path: str,
        *,
        method: str = "*",
        delay_s: float = 0.0,
        status: int | None = None,
        body: bytes = b'{"message":"injected"}',
        disconnect: str = "",
        after_chunks: int = 1,
        times: int | None = None,
    ) -> Fault:
        """Show this on requests whose path matches the regular expression `path` (searched)."""
        fault = Fault(
            method=method,
            path=re.compile(path),
            delay_s=delay_s,
            status=status,
            body=body,
            disconnect=disconnect,
            after_chunks=after_chunks,
            times=times,
        )
        self.faults.append(fault)
        return fault

    def clear(self) -> None:
        """Behave again."""
        self.faults.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets, counted as used."""
        for fault in self.faults:
            if fault.fits(method, path):
                fault.used += 1
                return fault
        return None

    def record(self, method: str, path: str) -> None:
        """A request came in."""
        self.requests.append((method, path))
        self._news.set()

    async def arrived(self, pattern: str, *, count: int = 1) -> None:
        """Wait until so many requests to paths that match have come in."""
        while len(list(self.seen(pattern))) < count:
            self._news.clear()
            await self._news.wait()

    def seen(self, pattern: str) -> Iterator[tuple[str, str]]:
        """The requests (method, path) received so far whose path matches."""
        return (request for request in self.requests if re.search(pattern, request[1]))


class FaultInjector:
    """ASGI middleware: `FaultInjector(app, faults)` shows the faults around any app."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Meet the request with its fault, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._faults.record(scope["method"], scope["path"])
        fault = self._faults.take(scope["method"], scope["path"])
        if fault is None:
            await self._app(scope, receive, send)
            return
        try:
            await self._show(fault, scope, receive, send)
        except Disconnected:
            await hang_up(send)

    async def _show(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.delay_s:
            await asyncio.sleep(fault.delay_s)
        if fault.disconnect == "before":
            raise Disconnected
        if fault.status is not None:
            answer = Response(fault.body, fault.status, media_type=fault.content_type)
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, _cut(fault, send) if fault.disconnect else send)
        if fault.disconnect:
            raise Disconnected


def _cut(fault: Fault, send: Send) -> Send:
    """A `send` that keeps back what the fault does not let through."""
    chunks = 0

    async def cut(message: Message) -> None:
        nonlocal chunks
        if fault.disconnect == "after":
            return
        chunks += message["type"] == "http.response.body"
        if chunks > fault.after_chunks:
            raise Disconnected
        await send(message)

    return cut
