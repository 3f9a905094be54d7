"""The event streams of several hosts as one. Not here: what an event means (docker_events)."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from docker.errors import DockerException
from docker.types.daemon import CancellableStream

from domain.errors import NightshiftError, NotFound, Transient
from domain.facts import ContainerEvent
from tools.docker_errors import told_apart
from tools.docker_events import ACTIONS, EPOCH, Reducer, stamp
from tools.docker_host import Host

QUIET_S = 20.0
"""After so long without an event the daemons are asked whether they are still there (seconds)."""
RETRY_S = 5.0


@dataclass(frozen=True)
class _Broken:
    """A host's stream ended, or could not be opened."""

    host: str
    was_open: bool
    reason: str


@dataclass(frozen=True)
class _Opened:
    """A host's stream is open."""

    host: str


@dataclass(frozen=True)
class _Told:
    """A host's event."""

    host: str
    event: ContainerEvent


_Item = _Told | _Broken | _Opened


class _Stream:
    """One thread that reads one host's events and hands them to `put`."""

    def __init__(self, host: Host, since: str | None, put: Callable[[_Item], None]) -> None:
        self.host = host
        self._since = since
        self._put = put
        self._stop = threading.Event()
        self._open: CancellableStream[dict[str, Any]] | None = None
        self._thread = threading.Thread(
            target=self._run, name=f"docker-events-{host.name}", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """End the thread: a stream that is being read ends at once."""
        self._stop.set()
        self._hang_up()

    def _hang_up(self) -> None:
        if self._open is not None:
            with contextlib.suppress(OSError, AttributeError, DockerException):
                self._open.close()

    def _run(self) -> None:
        """Read until the stream breaks; while it cannot be opened, try again."""
        while not self._stop.is_set():
            opened = False
            try:
                with told_apart(self.host.name, "follow its events"):
                    reducer = self._connect()
                    opened = True
                    self._put(_Opened(self.host.name))
                    self._read(reducer)
                reason = f"Docker host {self.host.name!r}: its event stream ended"
            except NightshiftError as error:
                reason = str(error)
            if self._stop.is_set():
                return
            self._put(_Broken(self.host.name, opened, reason))
            if opened:
                return
            self._stop.wait(RETRY_S)

    def _connect(self) -> Reducer:
        """Open the stream first and list the names after it, so that none is missed."""
        client = self.host.client()
        client.ping()
        filters = {"type": ["container", "network"], "event": list(ACTIONS)}
        since: Any = self._since  # `seconds.nanoseconds`, which the stub does not know
        self._open = client.events(since=since, filters=filters, decode=True)
        if self._stop.is_set():
            self._hang_up()
        listed = client.containers(all=True)
        names = {entry["Id"]: str(entry["Names"][0]).lstrip("/") for entry in listed}
        return Reducer(self.host.name, names)

    def _read(self, reducer: Reducer) -> None:
        for event in self._open or ():
            if self._stop.is_set():
                return
            self._name(event, reducer)
            reduced = reducer.reduce(event)
            if reduced is not None:
                self._put(_Told(self.host.name, reduced))

    def _name(self, event: dict[str, Any], reducer: Reducer) -> None:
        """Look up a container that was made after the listing; a network event lacks its name."""
        container = (event["Actor"].get("Attributes") or {}).get("container", "")
        if event.get("Type") != "network" or not container or container in reducer.names:
            return
        with contextlib.suppress(NotFound), told_apart(self.host.name, "name a container"):
            found = self.host.client().inspect_container(container)
            reducer.names[container] = str(found["Name"]).lstrip("/")


async def merged(
    hosts: Sequence[Host], since: Mapping[str, datetime] | None
) -> AsyncGenerator[ContainerEvent, None]:
    """The events of all hosts as they come, of each since its own time; each host's are in order.

    Raises Transient when an open stream breaks or no host can be reached.
    """
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[_Item]()

    def put(item: _Item) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            loop.call_soon_threadsafe(queue.put_nowait, item)

    streams = [_Stream(host, _since(host.name, since), put) for host in hosts]
    silence = _Silence(hosts)
    try:
        while True:
            item = await silence.next(queue)
            if isinstance(item, _Told):
                yield item.event
            elif isinstance(item, _Broken) and (item.was_open or not silence.open):
                raise Transient(item.reason)
    finally:
        for stream in streams:
            stream.close()


class _Silence:
    """When each host was last heard of; one that is silent is asked whether it is still there.

    A host whose stream could not be opened is not among the `open`: it is tried again beside.
    """

    def __init__(self, hosts: Sequence[Host]) -> None:
        self._hosts = {host.name: host for host in hosts}
        now = asyncio.get_running_loop().time()
        self.open = dict.fromkeys(self._hosts, now)

    async def next(self, queue: "asyncio.Queue[_Item]") -> _Item | None:
        """The next item; None once a host that was silent has said that it is there."""
        clock = asyncio.get_running_loop().time
        oldest = min(self.open.values(), default=clock())
        try:
            async with asyncio.timeout(max(0.0, oldest + QUIET_S - clock())):
                item = await queue.get()
        except TimeoutError:
            await self._ask(clock())
            return None
        if isinstance(item, _Broken):
            self.open.pop(item.host, None)
        else:
            self.open[item.host] = clock()
        return item

    async def _ask(self, now: float) -> None:
        """Raises Transient where a host that was silent does not answer."""
        quiet = [name for name, heard in self.open.items() if heard + QUIET_S <= now]
        asked = (self._hosts[name].call("ask for a sign of life", _ping) for name in quiet)
        await asyncio.gather(*asked)
        self.open.update(dict.fromkeys(quiet, now))


def _ping(client: Any) -> object:
    return client.ping()


def _since(host: str, moments: Mapping[str, datetime] | None) -> str | None:
    """When this host's stream begins; None is from now on."""
    return None if moments is None else stamp(moments.get(host, EPOCH))
