"""What a container runtime says about a container. Not here: judgement of any kind."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from domain.plain import Record
from domain.target import Target

Status = Literal["created", "running", "paused", "restarting", "removing", "exited", "dead"]
Health = Literal["none", "starting", "healthy", "unhealthy"]


class Network(Record):
    """One attachment: the network's name and the names that the container answers to there."""

    name: str
    aliases: list[str] = Field(default_factory=list)
    ip: str = ""


class Port(Record):
    """A container port published on the host."""

    container: str
    host_ip: str
    host_port: int


class Mount(Record):
    """A bind or volume: `source` is the path on the host."""

    kind: str
    source: str
    destination: str
    writable: bool


class ContainerFacts(Record):
    """One `inspect`, parsed. Sizes in bytes (0 = no limit), times in UTC."""

    target: Target
    image: str
    image_id: str
    config_digest: str
    status: Status
    exit_code: int
    oom_killed: bool
    error: str = ""
    health: Health
    health_output: str = ""
    health_every_s: float = 0.0
    """Seconds until its health check has certainly been run once more; 0 without one."""
    restart_count: int
    restart_policy: str
    started_at: datetime | None
    finished_at: datetime | None
    memory_limit: int
    memswap_limit: int
    network_mode: str
    networks: list[Network]
    ports: list[Port]
    mounts: list[Mount]
    labels: dict[str, str]
    depends_on: list[str] = Field(default_factory=list)
    auto_remove: bool = False

    @property
    def running(self) -> bool:
        """Running, neither paused nor between two restarts."""
        return self.status == "running"

    @property
    def well(self) -> bool:
        """Running and, where it has a health check, healthy."""
        return self.running and self.health in {"none", "healthy"}


class Inventory(Record):
    """Every container of every host that answered; `unreachable` names the hosts that did not."""

    containers: list[ContainerFacts]
    unreachable: dict[str, str] = Field(default_factory=dict)
    own_host: str = ""


class LogTail(Record):
    """The last lines a container wrote, bounded in count and bytes; untrusted text."""

    lines: list[str]
    truncated: bool


class ContainerStats(Record):
    """One sample of memory, in bytes."""

    memory_usage: int
    memory_limit: int
    at: datetime


class ContainerEvent(Record):
    """One event of the runtime's stream, reduced to what decides who did what.

    `action` is Docker's verb (`die`, `kill`, `stop`, `start`, `pause`, `unpause`, `oom`,
    `restart`, `destroy`, `rename`, `update`, `health_status`, `disconnect`, `connect`).
    """

    target_key: str
    container_id: str
    action: str
    at: datetime
    exit_code: int | None = None
    signal: str = ""
    network: str = ""
    health: str = ""
