"""How each dependency says that it is well. Not here: what that is worth (service.py)."""

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

from domain.deps import Deps
from memory.learned import LearnedMemory
from memory.store import Store
from nightshift.heard import HeardNotifier, HeardReasoner
from nightshift.service import Component
from nightshift.timekeeper import Timekeeper
from tools.proxmox import ProxmoxCluster

ROOM = 128 * 1024**2
"""Free bytes below which the data directory's disk counts as full: a storm takes some of them."""
SEES = "VM.Audit"
"""The privilege without which Proxmox shows nothing."""


def components(
    store: Store, deps: Deps, folder: Path, notifiers: Sequence[HeardNotifier]
) -> dict[str, Component]:
    """One question a dependency that is configured; its answer is `ok` or what is wrong."""

    async def docker() -> str:
        unreachable = (await deps.containers.inventory()).unreachable
        return "; ".join(f"{host}: {why}" for host, why in unreachable.items()) or "ok"

    async def memory() -> str:
        return (deps.memory.health() or "ok") if isinstance(deps.memory, LearnedMemory) else "ok"

    async def database() -> str:
        await store.prove_writable()
        return "ok"

    async def disk() -> str:
        return await asyncio.to_thread(_room, folder)

    found: dict[str, Component] = {
        "database": database,
        "clock": Timekeeper(deps.clock).say,
        "docker": docker,
        "memory": memory,
        **_where_configured(deps),
    }
    if not store.database.shared:
        found["disk"] = disk
    return found | {notifier.name: notifier.last.say for notifier in notifiers}


def _where_configured(deps: Deps) -> dict[str, Component]:
    metrics, guests, reasoner = deps.metrics, deps.guests, deps.reasoner
    found: dict[str, Component] = {}

    async def prometheus() -> str:
        if metrics is not None:
            await metrics.instant("vector(1)")
        return "ok"

    async def proxmox() -> str:
        lacking = await guests.lacking() if isinstance(guests, ProxmoxCluster) else []
        return f"{SEES} is lacking: no guest can be seen" if SEES in lacking else "ok"

    found["prometheus"] = prometheus
    if guests is not None:
        found["proxmox"] = proxmox
    if isinstance(reasoner, HeardReasoner):
        found["model"] = reasoner.last.say
    return found


def _room(folder: Path) -> str:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return f"{str(folder)!r} cannot be looked at: {error.strerror}"
    return "ok" if free >= ROOM else f"only {free // 1024**2} MiB are free under {str(folder)!r}"
