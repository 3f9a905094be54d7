"""Docker's `inspect`, logs and stats, parsed into facts. Not here: calls to a daemon."""

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any, cast, get_args

from domain.facts import ContainerFacts, ContainerStats, Health, LogTail, Mount, Network, Port
from domain.target import Target
from policy.redact import without_secrets

Inspect = dict[str, Any]
"""A JSON object of the Engine API; only this module and docker_events look inside one."""

LOG_BYTES = 64 * 1024
TEXT_CHARS = 1000
SHORT_ID = 12
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """Drop terminal escapes, control and text-direction characters; keep tabs and newlines."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def brief(text: str) -> str:
    """`clean`, without secrets, on one line, at most `TEXT_CHARS` characters."""
    return " ".join(without_secrets(clean(text)).split())[:TEXT_CHARS]


def moment(text: str | None) -> datetime | None:
    """Docker's RFC 3339 time, nanoseconds cut to microseconds; None for its zero time."""
    if not text or text.startswith("0001-"):
        return None
    return datetime.fromisoformat(text).astimezone(UTC)


def depends_on(labels: dict[str, str]) -> list[str]:
    """The services and containers that this one needs, as given, each once.

    Sources: compose's label `db:service_healthy:false,cache:service_started:true` and our own
    `nightshift.depends_on=name,name`.
    """
    compose = labels.get("com.docker.compose.depends_on", "").split(",")
    names = [part.partition(":")[0].strip() for part in compose]
    names += [name.strip() for name in labels.get("nightshift.depends_on", "").split(",")]
    return list(dict.fromkeys(name for name in names if name))


def target(inspect: Inspect, *, host: str) -> Target:
    """The exact name of the container that was inspected."""
    labels = inspect["Config"].get("Labels") or {}
    name = str(inspect["Name"]).lstrip("/")
    service = labels.get("com.docker.compose.service") or labels.get("nightshift.service")
    return Target(
        host=host,
        id=inspect["Id"],
        name=name,
        service=service or name,
        project=labels.get("com.docker.compose.project", ""),
    )


def config_digest(inspect: Inspect) -> str:
    """16 hex digits that change when the container is made anew from other settings.

    Memory limits are left out: raising one changes them in place.
    """
    config, host = inspect["Config"], inspect["HostConfig"]
    parts = {
        "image": inspect["Image"],
        "config": [config.get(key) for key in ("Cmd", "Entrypoint", "Env", "Labels")],
        "host": [host.get(key) for key in ("Binds", "RestartPolicy", "NetworkMode")],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def facts(inspect: Inspect, *, host: str) -> ContainerFacts:
    """Parse one `GET /containers/{id}/json`.

    Raises KeyError, TypeError, AttributeError or ValueError when it is not one.
    """
    state, settings, config = inspect["State"], inspect["HostConfig"], inspect["Config"]
    labels = dict(config.get("Labels") or {})
    health, output = _health(state)
    return ContainerFacts(
        target=target(inspect, host=host),
        image=config["Image"],
        image_id=inspect["Image"],
        config_digest=config_digest(inspect),
        status=state["Status"],
        exit_code=state["ExitCode"],
        oom_killed=state["OOMKilled"],
        error=brief(state.get("Error") or ""),
        health=health,
        health_output=output,
        health_every_s=_health_every(config),
        restart_count=inspect["RestartCount"],
        restart_policy=settings["RestartPolicy"].get("Name") or "no",
        started_at=moment(state.get("StartedAt")),
        finished_at=moment(state.get("FinishedAt")),
        memory_limit=settings.get("Memory") or 0,
        memswap_limit=settings.get("MemorySwap") or 0,
        network_mode=settings.get("NetworkMode") or "default",
        networks=_networks(inspect),
        ports=_ports(inspect),
        mounts=_mounts(inspect),
        labels=labels,
        depends_on=depends_on(labels),
        auto_remove=bool(settings.get("AutoRemove")),
    )


def _health_every(config: Inspect) -> float:
    """Interval and time-out of the health check in seconds; Docker's default is 30 s each."""
    check = config.get("Healthcheck") or {}
    if (check.get("Test") or ["NONE"])[0] == "NONE":
        return 0.0
    spans = (check.get("Interval") or 30e9, check.get("Timeout") or 30e9)
    return float(sum(spans)) / 1e9


def _health(state: Inspect) -> tuple[Health, str]:
    """Health as Docker says it (an exited container reads `unhealthy`) and the last output."""
    health = state.get("Health") or {}
    word = health.get("Status") or "none"
    log = health.get("Log") or []
    known = word if word in get_args(Health) else "none"
    return cast(Health, known), brief(log[-1].get("Output") or "") if log else ""


def _networks(inspect: Inspect) -> list[Network]:
    """The attachments by name; Docker's own alias, the short id, is left out: it is not stable."""
    attached = inspect["NetworkSettings"].get("Networks") or {}
    short = inspect["Id"][:SHORT_ID]
    return [
        Network(
            name=name,
            aliases=[alias for alias in endpoint.get("Aliases") or [] if alias != short],
            ip=endpoint.get("IPAddress") or "",
        )
        for name, endpoint in sorted(attached.items())
    ]


def _ports(inspect: Inspect) -> list[Port]:
    """Published ports; for a container that is down, those it asked for (0 = any free one)."""
    live = inspect["NetworkSettings"].get("Ports") or {}
    asked = inspect["HostConfig"].get("PortBindings") or {}
    bindings = live if any(live.values()) else asked
    return [
        Port(
            container=port,
            host_ip=binding.get("HostIp") or "",
            host_port=int(binding.get("HostPort") or 0),
        )
        for port, found in sorted(bindings.items())
        for binding in found or []
    ]


def _mounts(inspect: Inspect) -> list[Mount]:
    return [
        Mount(
            kind=mount.get("Type") or "",
            source=mount.get("Source") or "",
            destination=mount.get("Destination") or "",
            writable=bool(mount.get("RW")),
        )
        for mount in inspect.get("Mounts") or []
    ]


def log_tail(raw: bytes, *, lines: int) -> LogTail:
    """The end of what a container wrote: at most `lines` lines and 64 KiB, made printable."""
    kept = raw[-LOG_BYTES:]
    if len(raw) > LOG_BYTES:
        kept = kept.partition(b"\n")[2] or kept
    text = kept.decode("utf-8", errors="replace").replace("\r\n", "\n")
    found = [line for line in clean(text).split("\n") if line.strip()]
    cut = len(raw) > LOG_BYTES or len(found) > lines
    return LogTail(lines=found[-lines:] if lines > 0 else [], truncated=cut)


def stats(sample: Inspect, *, limit: int) -> ContainerStats | None:
    """One `GET /containers/{id}/stats`; None when there is no process to measure.

    Usage is without the page cache that the kernel can drop, as `docker stats` shows it. `limit`
    is the container's own (0 = none): Docker's sample gives the host's memory instead.
    """
    memory = sample.get("memory_stats") or {}
    at = moment(sample.get("read"))
    if "usage" not in memory or at is None:
        return None
    detail = memory.get("stats") or {}
    cache = detail.get("total_inactive_file", detail.get("inactive_file", 0))
    return ContainerStats(
        memory_usage=max(0, memory["usage"] - cache),
        memory_limit=limit,
        at=at,
    )
