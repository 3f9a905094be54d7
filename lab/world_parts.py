"""What the simulated world is made of: services, containers, events, actions. Not here: change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

MIB = 1024**2

Fault = Literal[
    "crash",
    "oom",
    "hung",
    "bad_config",
    "paused",
    "stopped",
    "killed",
    "network_cut",
    "leak",
    "volume_full",
    "finished",
    "self_recovering",
    "flapping",
    "unstartable",
    "child_oom",
]
"""What can befall a service; `World.break_` says what each one does."""


class Refusal(Exception):
    """The runtime refuses a call: the Engine API's status code and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast things go in the world, in seconds of its clock."""

    health_s: float = 0.2
    unhealthy_s: float = 0.4
    crash_loop_s: float = 0.05
    oom_again_s: float = 1.0
    backoff_s: float = 0.1
    backoff_max_s: float = 60.0
    backoff_reset_s: float = 10.0
    recover_s: float = 2.0
    flap_s: float = 1.0
    leak_s: float = 60.0
    without_deps_s: float = 0.2


@dataclass(frozen=True, kw_only=True)
class Service:
    """A container to be: what a compose file would say of it. Sizes in bytes, 0 = no limit.

    `networks` maps network names to aliases. `without_deps` says what it does while a dependency
    does not serve: its health check fails, its process exits with 1, or nothing. `memory_usage`
    is what it needs to run. `memswap_limit` None is the memory limit.
    """

    name: str
    image: str = "lab/service:1"
    command: Sequence[str] = ("/app/service",)
    env: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    memory_limit: int = 0
    memswap_limit: int | None = None
    memory_usage: int = 24 * MIB
    restart: Literal["no", "always", "unless-stopped", "on-failure"] = "no"
    max_retries: int = 0
    health: bool = True
    networks: Mapping[str, Sequence[str]] = field(default_factory=lambda: {"lab": ()})
    network_mode: str = "default"
    port: int | None = None
    container_port: int = 8080
    mounts: Mapping[str, str] = field(default_factory=dict)
    depends_on: Sequence[str] = ()
    without_deps: Literal["unhealthy", "exits", "fine"] = "unhealthy"
    one_shot: bool = False
    ignores_term: bool = False
    auto_remove: bool = False

    def all_labels(self) -> dict[str, str]:
        """Its labels, and its dependencies under our label unless compose's is there."""
        labels = dict(self.labels)
        if self.depends_on and "com.docker.compose.depends_on" not in labels:
            labels.setdefault("nightshift.depends_on", ",".join(self.depends_on))
        return labels


@dataclass(kw_only=True)
class Endpoint:
    """A container's place on a network."""

    aliases: list[str]
    ip: str


@dataclass(kw_only=True)
class LogLine:
    """One line that a container wrote; `stream` 1 is stdout, 2 is stderr."""

    at: datetime
    stream: Literal[1, 2]
    text: str


@dataclass(kw_only=True)
class HealthCheck:
    """One run of a health check."""

    at: datetime
    exit_code: int
    output: str


@dataclass(kw_only=True)
class Container:
    """A container's present state. `run` counts its processes: timers of an earlier one are void.

    `need` is what its process wants to use (bytes), `leak_rate` is in bytes per second.
    """

    id: str
    name: str
    spec: Service
    created: datetime
    memory_limit: int
    memswap_limit: int
    networks: dict[str, Endpoint]
    need: int
    status: Literal["created", "running", "paused", "restarting", "exited"] = "created"
    pid: int = 0
    exit_code: int = 0
    oom_killed: bool = False
    error: str = ""
    health: Literal["none", "starting", "healthy", "unhealthy"] = "none"
    checks: list[HealthCheck] = field(default_factory=list)
    failing_streak: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    restart_count: int = 0
    oom_count: int = 0
    starts: int = 0
    logs: list[LogLine] = field(default_factory=list)
    run: int = 0
    check_due: bool = False
    backoff: float = 0.0
    hung: bool = False
    bad_config: str = ""
    volume_free: float = 0.6
    leak_rate: float = 0.0
    leak_since: datetime | None = None
    start_errors: int = 0
    start_error: str = ""

    @property
    def up(self) -> bool:
        """Whether there is a process."""
        return self.status in {"running", "paused"}


@dataclass(frozen=True, kw_only=True)
class Happening:
    """One event of the runtime; `time_ns` since the epoch, strictly growing."""

    kind: Literal["container", "network"]
    action: str
    actor: str
    attributes: Mapping[str, str]
    time_ns: int


@dataclass(frozen=True, kw_only=True)
class Action:
    """One changing call that came in through the API, with the status it was answered with."""

    at: datetime
    verb: str
    name: str
    status: int
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A service as monitoring sees it: what an exporter or an outside probe can tell."""

    name: str
    id: str
    image: str
    labels: Mapping[str, str]
    status: str
    health: str
    exit_code: int
    oom_killed: bool
    well: bool
    probe_ok: bool
    port: int | None
    memory_usage: int
    memory_limit: int
    cpu_seconds: float
    volume_free: float
    oom_count: int
    restart_count: int
    starts: int
    started_at: datetime | None
    finished_at: datetime | None
