"""Two grounds for one suite: the simulated cluster, and a real Proxmox with guests to spare."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

from proxmoxer import ProxmoxAPI

from domain.guests import GuestFacts
from domain.target import Kind, Target
from lab.cluster import ClusterPace
from tests.proxmox_rig import Rig, rig, shop
from tools.proxmox import ProxmoxCluster

API_KINDS = {"lxc": "lxc", "vm": "qemu"}
PATIENCE_S = 90.0


class Ground(Protocol):
    """What the suite needs done besides the port under test. Guests begin running."""

    guests: ProxmoxCluster

    def target(self, kind: Kind) -> Target:
        """The guest of that kind that may be broken."""

    async def stop(self, target: Target) -> None:
        """A person stops it."""

    async def pause(self, target: Target) -> None:
        """A person pauses a machine."""

    async def lock(self, target: Target) -> None:
        """A backup takes its lock."""


async def seen(ground: Ground, target: Target, good: Callable[[GuestFacts], bool]) -> GuestFacts:
    """The facts as soon as they are so. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while not good(facts := await ground.guests.guest(target)):  # noqa: ASYNC110  # no event tells of it
            await asyncio.sleep(0.1)
    return facts


class StandinGround:
    """The shop behind the stand-in."""

    def __init__(self, made: Rig) -> None:
        self._rig = made
        self.guests = made.proxmox

    def target(self, kind: Kind) -> Target:
        """See Ground."""
        return self._rig.target("web" if kind == "lxc" else "db")

    async def stop(self, target: Target) -> None:
        """See Ground."""
        self._rig.cluster.break_(target.name, "stopped_by_person")

    async def pause(self, target: Target) -> None:
        """See Ground."""
        self._rig.cluster.break_(target.name, "paused_by_person")

    async def lock(self, target: Target) -> None:
        """See Ground."""
        self._rig.cluster.break_(target.name, "locked")


@asynccontextmanager
async def standin_ground() -> AsyncIterator[StandinGround]:
    """A fresh shop."""
    async with rig(shop(ClusterPace(task_s=0.05))) as made:
        yield StandinGround(made)


class RealGround:
    """A real cluster; `lxc` and `vm` are `node/vmid/name` of guests that may be broken."""

    def __init__(self, guests: ProxmoxCluster, given: dict[str, str]) -> None:
        self.guests = guests
        self._given = given
        self._before: list[tuple[Target, int]] = []
        user, _, token = given["user"].partition("!")
        self._api = ProxmoxAPI(
            given["host"],
            user=user,
            token_name=token,
            token_value=given["token_value"],
            verify_ssl=given.get("ca", True),
            timeout=30,
        )

    def target(self, kind: Kind) -> Target:
        """See Ground."""
        node, vmid, name = self._given[kind].split("/")
        return Target(kind=kind, host=node, id=vmid, name=name, service=name)

    def _at(self, target: Target) -> Any:
        return self._api.nodes(target.host)(API_KINDS[target.kind])(target.id)

    async def _power(self, target: Target, verb: str) -> None:
        await asyncio.to_thread(self._at(target).status(verb).post)

    async def stop(self, target: Target) -> None:
        """See Ground."""
        await self._power(target, "stop")
        await seen(self, target, lambda facts: facts.status == "stopped" and not facts.task)

    async def pause(self, target: Target) -> None:
        """See Ground."""
        await self._power(target, "suspend")
        await seen(self, target, lambda facts: facts.status == "paused" and not facts.task)

    async def lock(self, target: Target) -> None:
        """See Ground: only root may set it, so the ground's user has to be root's token."""
        await asyncio.to_thread(self._at(target).config.put, lock="backup")

    async def restore(self) -> None:
        """Everything as it was: unlocked, running, with the memory it had."""
        for target, memory in self._before:
            place = self._at(target)
            await asyncio.to_thread(place.config.put, delete="lock", skiplock=1)
            await asyncio.to_thread(place.config.put, memory=memory)
            facts = await seen(self, target, lambda facts: not facts.task)
            if not facts.running:
                await self._power(target, "resume" if facts.status == "paused" else "start")
                await seen(self, target, lambda facts: facts.running and not facts.task)

    async def remember(self) -> None:
        """Note what `restore` brings back."""
        kinds: tuple[Kind, ...] = ("lxc", "vm")
        for kind in kinds:
            target = self.target(kind)
            facts = await self.guests.guest(target)
            self._before.append((target, facts.memory_limit // 1024**2))


@asynccontextmanager
async def real_ground(given: str) -> AsyncIterator[RealGround]:
    """`given` is JSON: host, user (with `!token`), token_value, ca, lxc, vm."""
    values: dict[str, str] = json.loads(given)
    verify: bool | str = values.get("ca", True)
    proxmox = ProxmoxCluster(
        values["host"], values["user"], token_value=values["token_value"], verify=verify
    )
    async with proxmox as guests:
        ground = RealGround(guests, values)
        await ground.remember()
        try:
            yield ground
        finally:
            await ground.restore()
