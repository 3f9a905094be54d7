"""Asking and acting through the port that a target belongs to. Not here: what to ask or do."""

import asyncio
from datetime import datetime

from domain.deps import Deps
from domain.errors import NightshiftError, Permanent
from domain.facts import Inventory
from domain.guests import Facts, GuestInventory
from domain.ports import Guests, Performed, Survey
from domain.remedy import Effect
from domain.target import Target


async def inspect(deps: Deps, target: Target) -> Facts:
    """The target's facts now. Raises NotFound, Transient, Permanent."""
    if target.kind == "container":
        return await deps.containers.facts(target)
    return await _guests(deps).guest(target)


async def act(deps: Deps, effect: Effect) -> Performed:
    """Do one effect, once. Raises Transient when it is unknown whether it took place."""
    if effect.target.kind == "container":
        return await deps.containers.perform(effect)
    return await _guests(deps).perform(effect)


async def survey(deps: Deps) -> tuple[Inventory, GuestInventory]:
    """All containers, guests and nodes that can be seen now; a silent cluster holds nobody up."""
    docker, cluster = await asyncio.gather(deps.containers.inventory(), _cluster(deps))
    return docker, cluster


async def surveyed(deps: Deps, *, since: datetime) -> Survey:
    """The same, but a survey that began then or later is shared with whoever asked for it."""
    if deps.surveys is not None:
        return await deps.surveys.since(since)
    return await look_around(deps)


async def look_around(deps: Deps) -> Survey:
    """A survey of its own."""
    at = deps.clock.now()
    docker, cluster = await survey(deps)
    return Survey(docker=docker, cluster=cluster, at=at)


async def _cluster(deps: Deps) -> GuestInventory:
    if deps.guests is None:
        return GuestInventory()
    try:
        async with asyncio.timeout(deps.limits.evidence_deadline_s):
            return await deps.guests.inventory()
    except TimeoutError:
        return GuestInventory(unreachable={"Proxmox": "no answer in time"})
    except NightshiftError as error:
        return GuestInventory(unreachable={"Proxmox": str(error)})


def _guests(deps: Deps) -> Guests:
    if deps.guests is None:
        raise Permanent("no PROXMOX_HOST is set")
    return deps.guests
