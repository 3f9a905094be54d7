"""A simulated Proxmox cluster, for machines without one.

Here: its public face. What it is made of is in cluster_parts, what it does in cluster_verbs,
which faults there are in cluster_faults. Not here: HTTP (standins/proxmox.py).
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from domain.ports import Clock
from lab.cluster_faults import ClusterFaults
from lab.cluster_parts import (
    MIB,
    ClusterFault,
    ClusterPace,
    ClusterRefusal,
    Guest,
    Node,
    Task,
)
from lab.cluster_verbs import Machinery
from lab.world import WallClock
from lab.world_parts import Action

__all__ = ["Cluster", "ClusterFault", "ClusterPace", "ClusterRefusal", "Guest", "Node", "Task"]

_BOOTED = timedelta(days=3)
_UP = timedelta(hours=5)


class Cluster:
    """Nodes and guests that run, break and are cured as Proxmox'; made for one event loop.

    `actions` are the changing calls that came through the API, in order: what a judge reads.
    Their verbs are those of effects, and `stop_guest`, `shutdown_guest`, `lower_guest_memory`.
    """

    def __init__(self, clock: Clock | None = None, *, pace: ClusterPace | None = None) -> None:
        self.machinery = Machinery(clock or WallClock(), pace or ClusterPace())
        self.faults = ClusterFaults(self.machinery)
        self.actions: list[Action] = []
        self.broken: dict[str, ClusterFault] = {}

    @property
    def clock(self) -> Clock:
        """The cluster's time."""
        return self.machinery.clock

    @property
    def nodes(self) -> dict[str, Node]:
        """The nodes by name."""
        return self.machinery.nodes

    @property
    def guests(self) -> dict[int, Guest]:
        """The guests by vmid."""
        return self.machinery.guests

    @property
    def tasks(self) -> list[Task]:
        """All tasks there were, oldest first."""
        return self.machinery.tasks

    def add_node(self, name: str) -> Node:
        """A node that is online."""
        node = Node(name=name, booted_at=self.clock.now() - _BOOTED)
        self.nodes[name] = node
        return node

    def add_guest(
        self,
        name: str,
        *,
        node: str,
        kind: Literal["lxc", "vm"] = "lxc",
        vmid: int | None = None,
        memory_mib: int = 512,
        need_mib: int = 128,
        cores: int = 1,
        onboot: bool = True,
        template: bool = False,
        tags: Sequence[str] = (),
        ha: bool = False,
        running: bool = True,
    ) -> Guest:
        """A guest, running for some hours unless told otherwise."""
        guest = Guest(
            vmid=vmid or max(self.guests, default=100) + 1,
            name=name,
            node=node,
            kind=kind,
            memory=memory_mib,
            swap=512 if kind == "lxc" else 0,
            need=need_mib,
            cores=cores,
            onboot=onboot,
            template=template,
            tags=tags,
            ha_state="started" if ha else "",
        )
        self.guests[guest.vmid] = guest
        if running and not template:
            self.machinery.come_up(guest)
            guest.started_at = self.clock.now() - _UP
        return guest

    def get(self, name: str) -> Guest:
        """A guest by its name. Raises KeyError."""
        found = next((one for one in self.guests.values() if one.name == name), None)
        if found is None:
            raise KeyError(name)
        return found

    def break_(self, name: str, fault: ClusterFault, *, for_s: float | None = None) -> None:
        """Let a fault befall a guest, or `node_offline` a node.

        `stopped`, `paused`: nobody's task says why. `stopped_by_person`, `paused_by_person`: a
        task of root@pam does. `oom` stops it again and again until its memory is raised,
        `memory_full` leaves it running without any to spare.
        `locked`: a backup of `for_s` seconds holds its lock; `backup_stop` keeps it down
        meanwhile. `ha_stopped`, `ha_error`: the HA manager owns it. `unstartable`: starts fail.
        """
        self.broken[name] = fault
        if fault == "node_offline":
            self.faults.node_offline(self.nodes[name])
            return
        seconds = self.machinery.pace.backup_s if for_s is None else for_s
        self.faults.show(self.get(name), fault, for_s=seconds)

    def bring_back(self, node: str) -> None:
        """A person switches a node on again."""
        self.faults.node_back(self.nodes[node])

    def is_well(self, name: str) -> bool:
        """Whether it truly serves: up and not paused, free, with the memory it needs."""
        guest = self.get(name)
        up = guest.running and guest.qmp == "running" and self.nodes[guest.node].online
        return up and not guest.lock and guest.need <= guest.memory

    def usage(self, guest: Guest) -> int:
        """Bytes of memory in use, never above what it has."""
        return min(guest.need, guest.memory) * MIB if guest.running else 0

    def uptime(self, guest: Guest) -> int:
        """Whole seconds since its start, 0 where it is down."""
        if guest.started_at is None:
            return 0
        return int((self.clock.now() - guest.started_at).total_seconds())

    def note(self, verb: str, name: str, status: int, detail: str = "") -> None:
        """Write down a changing call that came through the API."""
        self.actions.append(
            Action(at=self.clock.now(), verb=verb, name=name, status=status, detail=detail)
        )

    async def aclose(self) -> None:
        """End all timers."""
        self.machinery.close()
