"""What a simulated Proxmox cluster is made of: nodes, guests, tasks. Not here: change."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

MIB = 1024**2
PERSON = "root@pam"

GuestFault = Literal[
    "stopped",
    "oom",
    "memory_full",
    "paused",
    "paused_by_person",
    "stopped_by_person",
    "locked",
    "backup_stop",
    "ha_stopped",
    "ha_error",
    "unstartable",
]
"""What can befall a guest; `Cluster.break_` says what each one does."""
ClusterFault = Literal[GuestFault, "node_offline"]
"""The same, or a node's."""


class ClusterRefusal(Exception):
    """The API refuses a call: status code and the reason in words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, kw_only=True)
class ClusterPace:
    """How long things take, in seconds of the cluster's clock.

    `task_s` is any power task, `ha_s` the HA manager's turn after it, `oom_s` the time from a
    start to being killed for want of memory, `backup_s` a backup.
    """

    task_s: float = 0.2
    ha_s: float = 0.5
    oom_s: float = 1.0
    backup_s: float = 5.0


@dataclass(kw_only=True)
class Node:
    """A node; sizes in bytes."""

    name: str
    memory: int = 16 * 1024 * MIB
    cores: int = 8
    booted_at: datetime
    online: bool = True


@dataclass(kw_only=True)
class Guest:
    """A guest's present state. Memory in MiB, as Proxmox counts it.

    `memory` is what it has, `pending` what it gets at its next start, `need` what its processes
    want. `run` counts its starts: timers of an earlier one are void. `qmp` is QEMU's own status.
    `unstartable` is how every start fails, `start_log` what such a task writes down.
    """

    vmid: int
    name: str
    node: str
    kind: Literal["lxc", "vm"]
    memory: int
    swap: int
    need: int
    cores: int
    onboot: bool
    template: bool
    tags: Sequence[str]
    ha_state: str
    running: bool = False
    qmp: str = "stopped"
    lock: str = ""
    pending: int | None = None
    started_at: datetime | None = None
    run: int = 0
    starts: int = 0
    oom_kills: int = 0
    unstartable: str = ""
    start_log: Sequence[str] = ()
    edits: int = 0

    @property
    def api_kind(self) -> str:
        """What the API's paths and lists call its kind."""
        return "lxc" if self.kind == "lxc" else "qemu"

    @property
    def id(self) -> str:
        """As the cluster's list and exporters name it: `lxc/101`."""
        return f"{self.api_kind}/{self.vmid}"

    @property
    def prefix(self) -> str:
        """How Proxmox' messages begin."""
        return f"{'CT' if self.kind == 'lxc' else 'VM'} {self.vmid}"

    @property
    def paused(self) -> bool:
        """Whether there is a process that does not run."""
        return self.running and self.qmp in {"paused", "suspended"}


@dataclass(kw_only=True)
class Task:
    """One task of a node's log; `exit` is empty while it runs."""

    upid: str
    kind: str
    node: str
    number: int
    vmid: int
    user: str
    started_at: datetime
    ended_at: datetime | None = None
    exit: str = ""
    log: list[str] = field(default_factory=list)
