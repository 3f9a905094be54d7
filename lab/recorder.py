"""The lab's own subscription to Docker's events, and a note of every call the lab makes itself.

Not here: what the events mean (lab/attribution.py).
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, Self

from docker import DockerClient
from docker.errors import DockerException
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One event of the daemon's about one container; `at` in seconds of its clock."""

    at: float
    container: str
    action: str
    exit_code: int | None = None
    network: str = ""
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class OwnCall:
    """A change the lab made itself, between two times of the same clock."""

    verb: str
    container: str
    begun: float
    ended: float


class Stream(Protocol):
    """docker's cancellable stream of decoded events."""

    def __iter__(self) -> Any: ...

    def close(self) -> None:
        """End it, from any thread."""


class Recorder:
    """Everything that happened on the daemon since it was opened: `seen`, and `calls` of ours."""

    def __init__(self, client: DockerClient) -> None:
        self.seen: list[Seen] = []
        self.calls: list[OwnCall] = []
        self.broken = ""
        self._client = client
        self._stream: Stream | None = None
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._closed = False

    async def __aenter__(self) -> Self:
        self._stream = await asyncio.to_thread(self._open)
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        if self._stream is not None:
            await asyncio.to_thread(self._stream.close)
            await asyncio.to_thread(self._thread.join, 5)

    @asynccontextmanager
    async def own(self, verb: str, container: str) -> AsyncIterator[None]:
        """Note what happens inside as the lab's own doing."""
        begun = time.time()
        try:
            yield
        finally:
            call = OwnCall(verb=verb, container=container, begun=begun, ended=time.time())
            self.calls.append(call)

    async def wait_for(self, wanted: Callable[[Seen], bool], *, seconds: float) -> Seen:
        """The first event, past or to come, that is wanted. Raises TimeoutError."""
        position = 0
        async with asyncio.timeout(seconds):
            while True:
                self._news.clear()
                while position < len(self.seen):
                    if wanted(self.seen[position]):
                        return self.seen[position]
                    position += 1
                await self._news.wait()

    def ooms(self, container: str) -> int:
        """How often the kernel killed something in that container."""
        return sum(seen.action == "oom" and seen.container == container for seen in self.seen)

    def _open(self) -> Stream:
        filters = {"type": ["container", "network"]}
        stream: Stream = self._client.events(decode=True, since=int(time.time()), filters=filters)
        return stream

    def _follow(self) -> None:
        try:
            for event in self._stream or ():
                seen = parse(event)
                if seen is not None:
                    self.seen.append(seen)
                    self._loop.call_soon_threadsafe(self._news.set)
        except (DockerException, RequestException, HTTPError, OSError, ValueError) as error:
            self.broken = "" if self._closed else f"the event stream broke: {error}"


def parse(event: Mapping[str, Any]) -> Seen | None:
    """One event of the Docker API as a record; None for what concerns no container."""
    attributes = event["Actor"].get("Attributes", {})
    on_network = event["Type"] == "network"
    container = attributes.get("container", "") if on_network else event["Actor"]["ID"]
    action, _, detail = event["Action"].partition(": ")
    if not container:
        return None
    code = attributes.get("exitCode")
    return Seen(
        at=event["timeNano"] / 1e9,
        container=container,
        action=action,
        exit_code=int(code) if code is not None else None,
        network=attributes.get("name", "") if on_network else "",
        detail=detail or attributes.get("signal", ""),
    )
