"""Docker hosts behind the port `Containers`.

Here: several daemons as one. Not here: one daemon (docker_host), parsing (docker_facts), verbs
(docker_effects), the event streams (docker_stream).
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from domain.errors import NightshiftError, NotFound, Permanent
from domain.facts import ContainerEvent, ContainerFacts, ContainerStats, Inventory, LogTail
from domain.ports import Performed
from domain.remedy import Effect
from domain.target import Target
from tools import docker_effects, docker_events, docker_facts, docker_stream
from tools.docker_errors import told_apart
from tools.docker_events import stamp
from tools.docker_host import Host, exactly
from tools.docker_own import own_container_id

LOCAL = {"local": "unix:///var/run/docker.sock"}
LISTING_S = 6.0
"""A host that cannot list its containers in this time counts as unreachable (seconds)."""
LOG_LINES = 1000

__all__ = ["DockerHosts", "own_container_id"]


class DockerHosts:
    """The containers of all configured hosts, `{name: url}`; none means the local socket.

    `timeout_s` bounds every call, `stop_grace_s` is what a restart gives a process to end.
    """

    def __init__(
        self,
        hosts: Mapping[str, str] | None = None,
        *,
        timeout_s: float = 15.0,
        stop_grace_s: int = 5,
        own_id: str | None = None,
    ) -> None:
        self._own_id = own_id
        self._hosts = {
            name: Host(name, url, timeout_s=timeout_s, stop_grace_s=stop_grace_s)
            for name, url in (hosts or LOCAL).items()
        }

    async def __aenter__(self) -> Self:
        """Nothing is opened before it is needed."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections of all hosts."""
        for host in self._hosts.values():
            host.close()

    async def inventory(self) -> Inventory:
        """All containers of all hosts that answer; the others are named with the reason."""
        hosts = list(self._hosts.values())
        answers = await asyncio.gather(*(_listing(host) for host in hosts))
        found = [facts for answer in answers if isinstance(answer, list) for facts in answer]
        return Inventory(
            containers=found,
            unreachable={
                host.name: answer
                for host, answer in zip(hosts, answers, strict=True)
                if isinstance(answer, str)
            },
            own_host=self._own_host(found),
        )

    def _own_host(self, found: list[ContainerFacts]) -> str:
        """The host that runs us: by our container's id, else the one behind a local socket."""
        if self._own_id:
            for facts in found:
                if facts.target.id.startswith(self._own_id):
                    return facts.target.host
        local = (host.name for host in self._hosts.values() if host.url.startswith("unix:"))
        return next(local, "")

    async def facts(self, target: Target) -> ContainerFacts:
        """Inspect by host and full id. Raises NotFound, Transient, Permanent."""
        return await self._host(target).look_up(target)

    async def logs(self, target: Target, *, lines: int) -> LogTail:
        """The last lines, at most 64 KiB. Raises NotFound, Transient, Permanent.

        Permanent too where the container's logging driver cannot be read.
        """
        host, container = self._host(target), exactly(target)
        asked = max(0, min(lines, LOG_LINES))
        raw = await host.call(
            f"read the log of {target.name!r}",
            lambda client: client.logs(container, stdout=True, stderr=True, tail=asked),
        )
        return docker_facts.log_tail(raw, lines=asked)

    async def stats(self, target: Target) -> ContainerStats | None:
        """One sample of memory, for which Docker takes up to a second; None when it is not running.

        Raises NotFound, Transient, Permanent.
        """
        host = self._host(target)
        facts = await host.look_up(target)
        if facts.status not in {"running", "paused"}:
            return None
        container = facts.target.id
        sample: dict[str, Any] = await host.call(
            f"measure {target.name!r}",
            lambda client: client.stats(container, stream=False, one_shot=True),
        )
        with told_apart(host.name, f"understand the usage of {target.name!r}"):
            return docker_facts.stats(sample, limit=facts.memory_limit)

    async def perform(self, effect: Effect) -> Performed:
        """Do one effect, once. Raises NotFound, Conflict, Permanent; Transient when unknown."""
        return await docker_effects.perform(self._host(effect.target), effect)

    async def remembered(
        self, target: Target, *, since: datetime, until: datetime
    ) -> list[ContainerEvent]:
        """What the daemon still tells of this container between these times, oldest first.

        They are times of the daemon's own clock; an `until` that it has not reached is waited for.
        Raises Transient, Permanent.
        """
        host, container = self._host(target), exactly(target)
        filters = docker_events.of_container(container)
        told = await host.call(
            f"ask what happened to {target.name!r}",
            lambda client: client.happened(stamp(since), stamp(until), filters),
        )
        reducer = docker_events.Reducer(host.name)
        with told_apart(host.name, f"understand what happened to {target.name!r}"):
            return [event for one in told if (event := reducer.reduce(one)) is not None]

    def events(self, since: Mapping[str, datetime] | None) -> AsyncGenerator[ContainerEvent, None]:
        """The event stream of all hosts, from `since` on; close it with `aclose()`.

        Raises Transient when an open stream breaks or no host answers. A host that is down
        from the beginning is tried again while the others are heard.
        """
        return docker_stream.merged(list(self._hosts.values()), since)

    def _host(self, target: Target) -> Host:
        if target.kind != "container":
            raise Permanent(f"{target.name!r} is a {target.kind}, which is not Docker's business")
        host = self._hosts.get(target.host)
        if host is None:
            known = ", ".join(map(repr, self._hosts))
            raise NotFound(f"no Docker host is called {target.host!r}; DOCKER_HOSTS has {known}")
        return host


async def _listing(host: Host) -> list[ContainerFacts] | str:
    """Every container of one host, or why there is no answer."""
    try:
        async with asyncio.timeout(min(LISTING_S, host.timeout_s)):
            await host.reach()
            listed = await host.call(
                "list containers", lambda client: client.containers(all=True, quiet=True)
            )
            found = await asyncio.gather(*(_present(host, entry["Id"]) for entry in listed))
    except TimeoutError:
        return f"Docker host {host.name!r}: no list of containers in {LISTING_S:g} s"
    except NightshiftError as error:
        return str(error)
    return [facts for facts in found if facts is not None]


async def _present(host: Host, container_id: str) -> ContainerFacts | None:
    """Its facts, or None if it vanished since it was listed."""
    try:
        return await host.inspect(container_id)
    except NotFound:
        return None
