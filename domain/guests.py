"""What Proxmox VE says about nodes, LXC containers and virtual machines. Not here: judgement."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from domain.facts import ContainerFacts
from domain.plain import Record
from domain.target import Target

GuestStatus = Literal["running", "stopped", "paused", "suspended", "unknown"]


class GuestTask(Record):
    """One task of the cluster's log. `exit` is empty while it runs, then `OK` or the reason."""

    upid: str
    kind: str
    user: str
    started_at: datetime
    ended_at: datetime | None = None
    exit: str = ""


class GuestFacts(Record):
    """One LXC container or VM. Sizes in bytes, times in UTC.

    `target.host` is the node, `target.id` the vmid in digits. `task` is the kind of a task that
    runs on it now, `lock` Proxmox' own lock; either means: hands off. `ha_state` is empty where
    the HA manager does not own it. `uptime_s` is None where it runs and nobody tells since when.
    """

    target: Target
    status: GuestStatus
    lock: str = ""
    task: str = ""
    ha_state: str = ""
    onboot: bool = False
    template: bool = False
    memory_limit: int
    memory_usage: int = 0
    swap_limit: int = 0
    cores: int = 0
    uptime_s: float | None = 0.0
    started_at: datetime | None = None
    config_digest: str = ""
    tags: list[str] = Field(default_factory=list)
    tasks: list[GuestTask] = Field(default_factory=list)
    oom_events: int = 0

    @property
    def running(self) -> bool:
        """Running, not paused or suspended."""
        return self.status == "running"

    @property
    def well(self) -> bool:
        """Running with nothing in progress on it."""
        return self.running and not self.lock


class NodeFacts(Record):
    """One node of the cluster. `target.kind` is `node`, its name is its id.

    `uptime_s` is None where it is online and we may not know since when (without Sys.Audit).
    """

    target: Target
    online: bool
    uptime_s: float | None = 0.0
    memory_limit: int = 0
    memory_usage: int = 0

    @property
    def well(self) -> bool:
        """The cluster sees it."""
        return self.online


class GuestInventory(Record):
    """All guests and nodes that the token may see; `unreachable` names endpoints that failed."""

    nodes: list[NodeFacts] = Field(default_factory=list)
    guests: list[GuestFacts] = Field(default_factory=list)
    unreachable: dict[str, str] = Field(default_factory=dict)

    def guest(self, target: Target) -> GuestFacts | None:
        """The guest of that id on that node."""
        return next((facts for facts in self.guests if facts.target == target), None)

    def node(self, name: str) -> NodeFacts | None:
        """The node of that name."""
        return next((facts for facts in self.nodes if facts.target.name == name), None)


def _kind(value: object) -> str:
    target = value.get("target") if isinstance(value, Mapping) else getattr(value, "target", None)
    kind = target.get("kind") if isinstance(target, Mapping) else getattr(target, "kind", None)
    return "guest" if kind in ("lxc", "vm") else "container"


Facts = Annotated[
    Annotated[ContainerFacts, Tag("container")] | Annotated[GuestFacts, Tag("guest")],
    Discriminator(_kind),
]
"""Whatever may be acted on; the target's kind tells which."""
