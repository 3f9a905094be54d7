"""One Docker daemon: its client, its threads, its time limits. Not here: several of them."""

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from docker import APIClient

from domain.errors import NotFound, Permanent, Transient
from domain.facts import ContainerFacts
from domain.target import Target
from tools import docker_facts
from tools.docker_errors import told_apart
from tools.environment import read_once

T = TypeVar("T")
THREADS = 8
CONNECT_S = 2.0
KEPT = 500
"""Inspections remembered, so that one that says the same is not understood anew."""
_MARGIN_S = 0.5
_FULL_ID = 64


class Client(APIClient):
    """The SDK's client, and an inspection as the daemon wrote it.

    `terminals` says of inspected containers whether they have one, for ever: the SDK would inspect
    anew before it reads a log.
    """

    def __init__(self, *, terminals: dict[str, bool], **how: Any) -> None:
        super().__init__(**how)
        self.terminals = terminals

    def happened(
        self, since: str, until: str, filters: Mapping[str, list[str]]
    ) -> list[dict[str, Any]]:
        """`GET /events` between two times. Unlike the SDK's stream it has a time-out."""
        sdk: Any = self
        asked = {"since": since, "until": until, "filters": json.dumps(filters)}
        answer: requests.Response = sdk._get(sdk._url("/events"), params=asked)
        sdk._raise_for_status(answer)
        return [json.loads(line) for line in answer.content.splitlines() if line.strip()]

    def _check_is_tty(self, container: str) -> bool:
        sdk: Any = super()
        known = self.terminals.get(container)
        return bool(sdk._check_is_tty(container)) if known is None else known

    def inspection(self, container: str) -> requests.Response:
        """`GET /containers/{id}/json`. Raises what the SDK raises."""
        sdk: Any = self  # what `inspect_container` is made of; the stubs leave it out
        answer: requests.Response = sdk._get(sdk._url("/containers/{0}/json", container))
        sdk._raise_for_status(answer)
        return answer


class Host:
    """The blocking SDK behind awaitable calls; a slow daemon only holds up its own threads."""

    def __init__(self, name: str, url: str, *, timeout_s: float, stop_grace_s: int) -> None:
        self.name = name
        self.url = url
        self.timeout_s = timeout_s
        self.stop_grace_s = stop_grace_s
        self._client: Client | None = None
        self._kept: dict[str, tuple[bytes, ContainerFacts]] = {}
        self._terminals: dict[str, bool] = {}
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix=f"docker-{name}")

    async def call(self, what: str, work: Callable[[Client], T], *, extra_s: float = 0.0) -> T:
        """Run `work` in a thread of this host and give up after the time limit plus `extra_s`.

        A call that is still queued when its caller gives up is never made. Raises Transient,
        ServerError, NotFound, Conflict, Permanent; `what` says in the message what failed.
        """
        loop = asyncio.get_running_loop()
        limit = self.timeout_s + _MARGIN_S + extra_s
        try:
            async with asyncio.timeout(limit):
                return await loop.run_in_executor(self._pool, self._run, what, work)
        except TimeoutError:
            raise Transient(
                f"Docker host {self.name!r}: could not {what}: no answer in {limit:g} s"
            ) from None

    def _run(self, what: str, work: Callable[[Client], T]) -> T:
        with told_apart(self.name, what):
            return work(self.client())

    def client(self) -> Client:
        """The client, made at first use: making one asks the daemon for its version.

        Blocks; raises what the SDK raises. Two threads may both make one; the last is kept.
        """
        if self._client is None:
            client = Client(terminals=self._terminals, base_url=self.url, timeout=self.timeout_s)
            read_once(client, client.base_url)
            self._client = client
        return self._client

    async def reach(self) -> None:
        """Find out within `CONNECT_S` whether a TCP daemon is there at all. Raises Transient."""
        parts = urlsplit(self.url)
        if parts.scheme not in {"tcp", "http", "https"} or not parts.hostname:
            return
        try:
            async with asyncio.timeout(CONNECT_S):
                _, writer = await asyncio.open_connection(parts.hostname, parts.port or 2375)
        except OSError as error:
            reason = docker_facts.brief(str(error)) or f"no answer in {CONNECT_S:g} s"
            raise Transient(f"Docker host {self.name!r}: could not connect: {reason}") from error
        writer.close()

    async def inspect(self, container_id: str) -> ContainerFacts:
        """Inspect by full id. Raises NotFound, Transient, Permanent."""
        answer = await self.call(
            f"inspect {container_id[:12]}", lambda client: client.inspection(container_id)
        )
        with told_apart(self.name, f"understand {container_id[:12]}"):
            found = self._understood(container_id, answer)
        if found.target.id != container_id:
            raise NotFound(f"Docker host {self.name!r}: no container has the id {container_id!r}")
        return found

    def _understood(self, container_id: str, answer: requests.Response) -> ContainerFacts:
        body, known = answer.content, self._kept.get(container_id)
        if known is None or known[0] != body:
            if len(self._kept) >= KEPT:
                oldest = next(iter(self._kept))
                del self._kept[oldest], self._terminals[oldest]
            told = answer.json()
            known = body, docker_facts.facts(told, host=self.name)
            self._kept[container_id] = known
            self._terminals[container_id] = bool(told["Config"].get("Tty"))
        return known[1]

    async def look_up(self, target: Target) -> ContainerFacts:
        """Inspect exactly this target.

        The API also takes names and id prefixes (any six digits); neither must pass for the id.
        Raises NotFound, Transient, Permanent.
        """
        return await self.inspect(exactly(target))

    def close(self) -> None:
        """Let the threads end; a call in flight ends with its socket's time limit."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            threading.Thread(target=self._client.close, daemon=True).start()


def exactly(target: Target) -> str:
    """Its id, which is a whole one. Raises Permanent."""
    if not is_full_id(target.id):
        raise Permanent(f"{target.id!r} is not a full container id; nothing was asked or done")
    return target.id


def is_full_id(text: str) -> bool:
    """Whether this is 64 hexadecimal digits, the only thing that names one container for ever."""
    return len(text) == _FULL_ID and set(text) <= set("0123456789abcdef")
