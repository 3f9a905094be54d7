"""Two grounds for one suite: the simulated world and a real daemon. Each breaks what it made."""

import asyncio
import hashlib
import io
import tarfile
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from docker import APIClient

from domain.facts import ContainerFacts
from domain.target import Target
from lab.world import Service, World
from tools.docker import DockerHosts

T = TypeVar("T")
MIB = 1024**2
SCRIPT = """
rm -f /tmp/crash /tmp/hang
trap 'exit 0' TERM
echo "starting"
while [ ! -e /tmp/crash ]; do sleep 0.05; done
echo "FATAL worker died" >&2
exit 1
"""


class Ground(Protocol):
    """What the suite needs done besides the port under test."""

    hosts: DockerHosts

    async def make(
        self,
        name: str,
        *,
        memory: int = 0,
        memswap: int = 0,
        rides_on: Target | None = None,
        restart: str = "no",
        labels: dict[str, str] | None = None,
        aliases: tuple[str, ...] = (),
    ) -> Target:
        """Create and start a service with a health check on its own network."""

    async def crash(self, target: Target) -> None:
        """Its process exits with 1."""

    async def hang(self, target: Target) -> None:
        """Its health check fails until it is restarted."""

    async def person(self, verb: str, target: Target) -> None:
        """Somebody does `stop`, `kill`, `pause`, `cut` or `remove` through the API."""

    def network(self) -> str:
        """The name of the network that services are on."""


async def until(ask: Callable[[], Awaitable[T]], good: Callable[[T], bool]) -> T:
    """Ask until the answer is good. Raises TimeoutError after ten seconds."""
    async with asyncio.timeout(10):
        while not good(answer := await ask()):  # noqa: ASYNC110  # no event tells of it
            await asyncio.sleep(0.05)
    return answer


async def facts_when(
    ground: Ground, target: Target, good: Callable[[ContainerFacts], bool]
) -> ContainerFacts:
    """The facts of a target as soon as they are so."""
    return await until(lambda: ground.hosts.facts(target), good)


class StandinGround:
    """The simulated world behind the stand-in."""

    def __init__(self, world: World, hosts: DockerHosts) -> None:
        self.world = world
        self.hosts = hosts

    async def make(
        self,
        name: str,
        *,
        memory: int = 0,
        memswap: int = 0,
        rides_on: Target | None = None,
        restart: str = "no",
        labels: dict[str, str] | None = None,
        aliases: tuple[str, ...] = (),
    ) -> Target:
        """Add a service to the world."""
        values: dict[str, Any] = {"restart": restart, "labels": labels or {}}
        values |= {"network_mode": f"container:{rides_on.id}"} if rides_on else {}
        values["networks"] = {} if rides_on else {self.network(): aliases}
        swap = memswap or None
        spec = Service(name=name, memory_limit=memory, memswap_limit=swap, **values)
        found = self.world.add(spec)
        return Target(host="ground", id=found, name=name, service=name)

    async def crash(self, target: Target) -> None:
        """See Ground."""
        await self.world.break_(target.name, "crash")

    async def hang(self, target: Target) -> None:
        """See Ground."""
        await self.world.break_(target.name, "hung")

    async def person(self, verb: str, target: Target) -> None:
        """See Ground."""
        container = self.world.get(target.name)
        if verb == "stop":
            await self.world.verbs.stop(container)
        elif verb == "cut":
            self.world.verbs.disconnect(container, self.network())
        else:
            {
                "kill": self.world.verbs.kill,
                "pause": self.world.verbs.pause,
                "remove": self.world.verbs.remove,
            }[verb](container)

    def network(self) -> str:
        """See Ground."""
        return "ground"


class RealGround:
    """A real daemon; everything made carries one label and is removed by `clear`."""

    def __init__(self, url: str, hosts: DockerHosts) -> None:
        self.hosts = hosts
        self.mark = f"contract-{uuid.uuid4().hex[:8]}"
        self._labels = {"nightshift-lab": self.mark}
        self._client = APIClient(base_url=url, timeout=20)
        self._image = _image(self._client)
        self._client.create_network(self.network(), labels=self._labels)

    def network(self) -> str:
        """See Ground."""
        return self.mark

    async def make(
        self,
        name: str,
        *,
        memory: int = 0,
        memswap: int = 0,
        rides_on: Target | None = None,
        restart: str = "no",
        labels: dict[str, str] | None = None,
        aliases: tuple[str, ...] = (),
    ) -> Target:
        """Create and start a container of the fixture image."""
        client, full = self._client, f"{self.mark}-{name}"
        limits: dict[str, Any] = (
            {"mem_limit": memory, "memswap_limit": memswap or memory} if memory else {}
        )
        mode = f"container:{rides_on.id}" if rides_on else self.network()
        config = client.create_host_config(
            network_mode=mode, restart_policy={"Name": restart}, **limits
        )
        endpoint: Any = {self.network(): client.create_endpoint_config(aliases=list(aliases))}
        made = await asyncio.to_thread(
            lambda: client.create_container(
                self._image,
                ["sh", "-c", SCRIPT],
                name=full,
                labels={**(labels or {}), **self._labels},
                host_config=config,
                networking_config=None if rides_on else client.create_networking_config(endpoint),
                healthcheck={
                    "test": ["CMD", "test", "!", "-e", "/tmp/hang"],  # noqa: S108  # inside the container
                    "interval": 300_000_000,
                    "timeout": 2_000_000_000,
                    "retries": 1,
                },
            )
        )
        await asyncio.to_thread(client.start, made["Id"])
        return Target(host="ground", id=made["Id"], name=full, service=full)

    async def _touch(self, target: Target, file: str) -> None:
        made = self._client.exec_create(target.id, ["touch", file])
        await asyncio.to_thread(self._client.exec_start, made["Id"])

    async def crash(self, target: Target) -> None:
        """See Ground."""
        await self._touch(target, "/tmp/crash")  # noqa: S108  # inside the container

    async def hang(self, target: Target) -> None:
        """See Ground."""
        await self._touch(target, "/tmp/hang")  # noqa: S108  # inside the container

    async def person(self, verb: str, target: Target) -> None:
        """See Ground."""
        client, container = self._client, target.id
        acts: dict[str, Callable[[], Any]] = {
            "stop": lambda: client.stop(container, timeout=5),
            "kill": lambda: client.kill(container),
            "pause": lambda: client.pause(container),
            "cut": lambda: client.disconnect_container_from_network(container, self.network()),
            "remove": lambda: client.remove_container(container, force=True),
        }
        await asyncio.to_thread(acts[verb])

    def clear(self) -> None:
        """Remove everything with our label."""
        filters = {"label": f"nightshift-lab={self.mark}"}
        for found in self._client.containers(all=True, filters=filters):
            self._client.remove_container(found["Id"], force=True)
        self._client.remove_network(self.network())
        self._client.close()


def _image(client: APIClient) -> str:
    """A minimal image of busybox, tagged by its content."""
    busybox = Path("/bin/busybox").read_bytes()
    tag = hashlib.sha256(busybox).hexdigest()[:12]
    name = f"nightshift-contract:{tag}"
    if client.images(name=name):
        return name
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        program = tarfile.TarInfo("bin/busybox")
        program.size, program.mode = len(busybox), 0o755
        tar.addfile(program, io.BytesIO(busybox))
        for applet in ("sh", "rm", "sleep", "test", "touch", "echo"):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o777
        tar.addfile(folder)
    client.import_image_from_data(
        buffer.getvalue(), repository="nightshift-contract", tag=tag, changes=["ENV PATH=/bin"]
    )
    return name
