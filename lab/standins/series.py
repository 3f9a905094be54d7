"""What exporters and probes would say of a simulated world: sources for the stand-in Prometheus.

Names and labels are cAdvisor's, a Docker state exporter's, blackbox' and node_exporter's. Not
here: sampling (history.py), or the world.
"""

import time
from collections.abc import Iterator
from datetime import datetime

from lab.standins.history import Sample, Source
from lab.world import World
from lab.world_parts import Seen

CADVISOR = {"instance": "127.0.0.1:8080", "job": "cadvisor"}
NODE = {"instance": "127.0.0.1:9100", "job": "node"}
BLACKBOX = "blackbox"
VOLUME_BYTES = 10 * 1024**3
_STATUSES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")
_HEALTHS = ("none", "starting", "healthy", "unhealthy")


def world_series(world: World) -> Source:
    """A source for `Prometheus.watch`: every series of this world, as it is at each scrape."""

    def scrape() -> Iterator[Sample]:
        yield Sample(name="up", labels=CADVISOR, value=1.0)
        yield Sample(name="up", labels=NODE, value=1.0)
        for seen in world.snapshot().values():
            yield from _state(seen)
            yield from _usage(seen)
            yield from _probe(seen)
        yield from _volumes(world)

    return scrape


def probe_url(port: int) -> str:
    """The address that blackbox probes for a service published on this port."""
    return f"http://127.0.0.1:{port}/cgi-bin/health"


def _labels(seen: Seen) -> dict[str, str]:
    return {**CADVISOR, "id": f"/docker/{seen.id}", "image": seen.image, "name": seen.name}


def _state(seen: Seen) -> Iterator[Sample]:
    """What an exporter on Docker's inspect says of every container, running or not."""
    labels = _labels(seen)
    for metric, words, state in (
        ("container_state_status", _STATUSES, seen.status),
        ("container_state_health_status", _HEALTHS, seen.health),
    ):
        for word in words:
            yield Sample(name=metric, labels={**labels, "status": word}, value=float(word == state))
    values = {
        "container_state_oomkilled": float(seen.oom_killed),
        "container_state_exitcode": float(seen.exit_code),
        "container_state_startedat": _seconds(seen.started_at),
        "container_state_finishedat": _seconds(seen.finished_at),
        "container_restartcount": float(seen.restart_count),
    }
    for name, value in values.items():
        yield Sample(name=name, labels=labels, value=value)


def _usage(seen: Seen) -> Iterator[Sample]:
    """What cAdvisor says, with its own time; nothing of a container without a process."""
    if seen.status not in {"running", "paused"}:
        return
    now, labels = time.time(), _labels(seen)
    values = {
        "container_last_seen": float(int(now)),
        "container_health_state": {"healthy": 1.0, "none": -1.0}.get(seen.health, 0.0),
        "container_memory_usage_bytes": float(seen.memory_usage),
        "container_memory_working_set_bytes": float(seen.memory_usage),
        "container_spec_memory_limit_bytes": float(seen.memory_limit),
        "container_start_time_seconds": _seconds(seen.started_at),
        "container_oom_events_total": float(seen.oom_count),
        "container_cpu_usage_seconds_total": seen.cpu_seconds,
    }
    for name, value in values.items():
        yield Sample(name=name, labels=labels, value=value, at=now)


def _probe(seen: Seen) -> Iterator[Sample]:
    """What blackbox says from outside of a published service."""
    if seen.port is None:
        return
    labels = {"instance": probe_url(seen.port), "job": BLACKBOX, "name": seen.name}
    yield Sample(name="up", labels=labels, value=1.0)
    yield Sample(name="probe_success", labels=labels, value=float(seen.probe_ok))


def _volumes(world: World) -> Iterator[Sample]:
    """What node_exporter says of the file systems that are mounted into containers."""
    for container in world.containers.values():
        for source in container.spec.mounts:
            labels = {**NODE, "device": "/dev/lab", "fstype": "ext4", "mountpoint": source}
            room = VOLUME_BYTES * container.volume_free
            yield Sample(name="node_filesystem_size_bytes", labels=labels, value=VOLUME_BYTES)
            yield Sample(name="node_filesystem_avail_bytes", labels=labels, value=room)


def _seconds(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0.0
