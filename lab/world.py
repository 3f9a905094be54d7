"""A simulated world of services, for machines without Docker.

Here: its public face. What it is made of is in world_parts, how containers live in world_life,
what the API does in world_verbs, which faults there are in world_faults. Not here: HTTP.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from domain.ports import Clock
from lab import world_sight as sight
from lab.world_faults import Faults
from lab.world_life import Life
from lab.world_parts import (
    Action,
    Container,
    Endpoint,
    Fault,
    Happening,
    Pace,
    Refusal,
    Seen,
    Service,
)
from lab.world_stage import Stage
from lab.world_verbs import Verbs

__all__ = ["Fault", "Happening", "Pace", "Refusal", "Service", "WallClock", "World"]

_PREFIX = 1


class WallClock:
    """The real time."""

    def now(self) -> datetime:
        """UTC, aware."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class World:
    """Services that run, break and are cured as containers are; made for one event loop.

    `actions` are the changing calls that came through the API, in order: what a judge reads.
    A clock's `sleep` must really wait for its time to come, else crash loops spin.
    """

    def __init__(self, clock: Clock | None = None, *, pace: Pace | None = None) -> None:
        self.stage = Stage(clock or WallClock(), pace or Pace())
        self.life = Life(self.stage)
        self.verbs = Verbs(self.stage, self.life)
        self.actions: list[Action] = []
        self.networks: dict[str, str] = {}
        self._faults = Faults(self.verbs)
        self._made = 0

    @property
    def clock(self) -> Clock:
        """The world's time."""
        return self.stage.clock

    @property
    def events(self) -> list[Happening]:
        """All that has happened."""
        return self.stage.events

    @property
    def containers(self) -> dict[str, Container]:
        """The containers by full id."""
        return self.stage.containers

    def add(self, service: Service, *, running: bool = True) -> str:
        """Create a container and, unless told otherwise, start it. Returns its full id."""
        self._made += 1
        digest = hashlib.sha256(f"{service.name}#{self._made}".encode()).hexdigest()
        swap = service.memswap_limit
        container = Container(
            id=digest,
            name=service.name,
            spec=service,
            created=self.clock.now(),
            memory_limit=service.memory_limit,
            memswap_limit=service.memory_limit if swap is None else swap,
            networks={name: self._endpoint(name, list(a)) for name, a in service.networks.items()},
            need=service.memory_usage,
        )
        self.containers[digest] = container
        self.stage.emit(container, "create")
        if running:
            self.life.start(container)
        return digest

    def _endpoint(self, network: str, aliases: list[str]) -> Endpoint:
        return Endpoint(aliases=aliases, ip=self.address(network))

    def address(self, network: str) -> str:
        """A fresh address on a network, which is made where it is new."""
        if network not in self.networks:
            self.networks[network] = hashlib.sha256(f"network {network}".encode()).hexdigest()
        self._made += 1
        place = list(self.networks).index(network)
        return f"10.77.{place}.{self._made % 250 + 2}"

    def remove(self, name: str) -> None:
        """A person removes a container."""
        self.verbs.remove(self.get(name))

    def get(self, name: str) -> Container:
        """A container by its name. Raises KeyError."""
        found = next((one for one in self.containers.values() if one.name == name), None)
        if found is None:
            raise KeyError(name)
        return found

    def find(self, reference: str) -> Container:
        """A container as the API finds it: full id, then name, then an id's prefix.

        Raises Refusal (404, or 400 for a prefix of several).
        """
        if reference in self.containers:
            return self.containers[reference]
        with contextlib.suppress(KeyError):
            return self.get(reference.lstrip("/"))
        found = [one for key, one in self.containers.items() if key.startswith(reference)]
        if len(found) > _PREFIX:
            raise Refusal(400, f"Multiple IDs found with provided prefix: {reference}")
        if not found:
            raise Refusal(404, f"No such container: {reference}")
        return found[0]

    async def break_(self, name: str, fault: Fault) -> None:
        """Let a fault befall a service.

        `crash` exits 1. `oom` needs more than its limit. `hung` until restarted. `bad_config`
        exits at every start. `paused`, `stopped`, `killed`, `network_cut`: a person did it.
        `leak` climbs to an OOM. `volume_full` until somebody frees space. `finished` exits 0.
        `self_recovering` and `flapping` hang for a while. `unstartable` exits, and every start
        is refused. `child_oom` is an OOM event only.
        """
        container = self.get(name)
        self.stage.broken[name] = fault
        await self._faults.show(container, fault)

    def free_volume(self, name: str) -> None:
        """A person frees space."""
        self.get(name).volume_free = 0.6
        self.life.reconsider()

    def rename(self, name: str, new: str) -> None:
        """A person renames a container."""
        container = self.get(name)
        container.name = new
        container.spec = replace(container.spec, name=new)
        self.stage.emit(container, "rename", oldName=f"/{name}")

    def is_well(self, name: str) -> bool:
        """Whether it truly serves: process, dependencies, networks, health check."""
        return sight.well(self.containers, self.get(name))

    def note(self, verb: str, name: str, status: int, detail: str = "") -> None:
        """Write down a changing call that came through the API."""
        self.actions.append(
            Action(at=self.clock.now(), verb=verb, name=name, status=status, detail=detail)
        )

    @contextlib.contextmanager
    def subscribe(self) -> Iterator["asyncio.Queue[Happening]"]:
        """A queue of all events from now on, until the block ends."""
        queue: asyncio.Queue[Happening] = asyncio.Queue()
        self.stage.listeners.append(queue)
        try:
            yield queue
        finally:
            self.stage.listeners.remove(queue)

    def snapshot(self) -> dict[str, Seen]:
        """Every service by name, as monitoring sees it now."""
        return {one.name: self._seen(one) for one in self.containers.values()}

    def _seen(self, container: Container) -> Seen:
        now = self.clock.now()
        up_s = (now - container.started_at).total_seconds() if container.started_at else 0.0
        return Seen(
            name=container.name,
            id=container.id,
            image=container.spec.image,
            labels=container.spec.all_labels(),
            status=container.status,
            health=container.health,
            exit_code=container.exit_code,
            oom_killed=container.oom_killed,
            well=sight.well(self.containers, container),
            probe_ok=sight.probe_ok(self.containers, container),
            port=container.spec.port,
            memory_usage=sight.usage(container, now),
            memory_limit=container.memory_limit,
            cpu_seconds=0.05 * up_s if container.up else 0.0,
            volume_free=container.volume_free,
            oom_count=container.oom_count,
            restart_count=container.restart_count,
            starts=container.starts,
            started_at=container.started_at,
            finished_at=container.finished_at,
        )

    async def aclose(self) -> None:
        """End all timers."""
        self.stage.close()
