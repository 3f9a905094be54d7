"""A simulated cluster, its stand-in and the adapter, together. Not here: tests."""

import asyncio
import atexit
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from domain.ports import Clock, Performed
from domain.remedy import Effect, Precondition, Verb
from domain.target import Target
from lab.cluster import Cluster, ClusterPace
from lab.standins.proxmox import ProxmoxStandin, Served, running
from lab.standins.proxmox_access import SECRET, TOKEN, Account
from lab.standins.proxmox_tls import Certificates, make_certificates
from tools.proxmox import ProxmoxCluster

MIB = 1024**2
QUICK = ClusterPace(task_s=0.05, ha_s=0.1, oom_s=0.1, backup_s=60.0)


@cache
def certificates() -> Certificates:
    """One authority for all tests of a process."""
    folder = Path(tempfile.mkdtemp(prefix="proxmox-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made: list[Certificates] = []
    thread = threading.Thread(target=lambda: made.append(asyncio.run(make_certificates(folder))))
    thread.start()
    thread.join()
    return made[0]


@dataclass(kw_only=True)
class Rig:
    """`proxmox` is the adapter; `cluster` is how it really is."""

    cluster: Cluster
    standin: ProxmoxStandin
    served: Served
    proxmox: ProxmoxCluster

    def target(self, name: str) -> Target:
        """A guest, exactly."""
        guest = self.cluster.get(name)
        return Target(kind=guest.kind, host=guest.node, id=str(guest.vmid), name=name, service=name)

    def effect(self, name: str, verb: Verb, *, memory_mib: int = 0) -> Effect:
        """One change to a guest."""
        seen = Precondition(
            container_id=str(self.cluster.get(name).vmid),
            image_id="",
            config_digest="",
            status_class="down",
        )
        memory = memory_mib * MIB
        return Effect(verb=verb, target=self.target(name), precondition=seen, memory_bytes=memory)

    async def do(self, name: str, verb: Verb, *, memory_mib: int = 0) -> Performed:
        """Perform it."""
        return await self.proxmox.perform(self.effect(name, verb, memory_mib=memory_mib))

    def sent(self) -> list[str]:
        """The changing calls that arrived: `start_guest web`."""
        return [f"{action.verb} {action.name}" for action in self.cluster.actions]


def shop(pace: ClusterPace = QUICK, *, clock: Clock | None = None) -> Cluster:
    """Two nodes; `web` and `cache` are containers, `db` and `win` machines."""
    cluster = Cluster(clock, pace=pace)
    cluster.add_node("pve1")
    cluster.add_node("pve2")
    cluster.add_guest("web", node="pve1", tags=("shop", "front"))
    cluster.add_guest("db", node="pve1", kind="vm", memory_mib=2048)
    cluster.add_guest("cache", node="pve2", onboot=False)
    cluster.add_guest("win", node="pve2", kind="vm", memory_mib=4096)
    return cluster


@asynccontextmanager
async def rig(
    cluster: Cluster | None = None, accounts: Sequence[Account] | None = None, **options: Any
) -> AsyncIterator[Rig]:
    """A rig over a cluster, by default the shop; `options` are the adapter's."""
    made = cluster or shop()
    standin = ProxmoxStandin(made, accounts)
    async with running(standin, certificates()) as served:
        values: dict[str, Any] = {
            "user": TOKEN,
            "token_value": SECRET,
            "verify": served.ca,
            "timeout_s": 5.0,
        }
        async with ProxmoxCluster(served.host, **(values | options)) as proxmox:
            yield Rig(cluster=made, standin=standin, served=served, proxmox=proxmox)
    await made.aclose()
