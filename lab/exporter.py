"""Container metrics with cAdvisor's names and those of a Docker state exporter, for one lab.

cAdvisor's series carry their own time, as cAdvisor's do: they stay for five minutes after the
container stopped, which is why `time() - container_last_seen` works at all. Not here: scraping.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, Self

from docker import DockerClient
from docker.errors import APIError, DockerException
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from lab.containers import LABEL

_STATUSES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")
_HEALTHS = ("none", "starting", "healthy", "unhealthy")
_LABELS = ("id", "image", "name")
_USED = {
    "container_last_seen": "Last time a container was seen by the exporter",
    "container_health_state": "1 healthy, 0 starting or unhealthy, -1 no health check",
    "container_memory_usage_bytes": "Current memory usage including cache",
    "container_memory_working_set_bytes": "Current working set",
    "container_spec_memory_limit_bytes": "Memory limit, 0 for none",
    "container_start_time_seconds": "Start time",
}
_COUNTED = {
    "container_oom_events": "OOM kills in this container's cgroup",
    "container_cpu_usage_seconds": "CPU time consumed",
}
_STATE = {
    "container_state_oomkilled": "OOMKilled flag",
    "container_state_exitcode": "Exit code",
    "container_state_startedat": "StartedAt",
    "container_state_finishedat": "FinishedAt",
    "container_restartcount": "RestartCount (the daemon's own restarts only)",
}


class Samples:
    """The latest stats of every container that runs, from one stream each.

    A single `stats` call blocks for up to a second, even a one-shot one, longer than a scrape may.
    """

    def __init__(self, client: DockerClient) -> None:
        self._client = client
        self._latest: dict[str, dict[str, Any]] = {}
        self._followed: set[str] = set()

    def of(self, container: str) -> dict[str, Any]:
        """The latest sample; empty until there is one."""
        if container not in self._followed:
            self._followed.add(container)
            threading.Thread(target=self._follow, args=(container,), daemon=True).start()
        return self._latest.get(container, {})

    def _follow(self, container: str) -> None:
        try:
            for sample in self._client.api.stats(container, decode=True):
                self._latest[container] = sample
        except (DockerException, RequestException, HTTPError, OSError, ValueError):
            self._latest.pop(container, None)
        self._followed.discard(container)


class Containers(Collector):
    """One scrape looks at every container whose label says it belongs to the lab.

    There are none to be seen unless `is_up()`: the host they run on may be down.
    """

    def __init__(
        self,
        client: DockerClient,
        lab_id: str,
        ooms: Callable[[str], int],
        *,
        is_up: Callable[[], bool] = lambda: True,
    ) -> None:
        self._is_up = is_up
        self._client = client
        self._lab_id = lab_id
        self._ooms = ooms
        self._samples = Samples(client)

    def describe(self) -> Iterable[Metric]:
        """Nothing at registration: a lab may not be up yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All families, with one sample a container."""
        try:
            looks = list(self._looks()) if self._is_up() else []
        except (DockerException, RequestException):
            looks = []
        yield from _used_families(looks, time.time(), self._ooms)
        yield from _state_families(looks)

    def _looks(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        api = self._client.api
        for listed in api.containers(all=True, filters={"label": LABEL}):
            of = listed["Labels"].get(LABEL, "")
            if of in {self._lab_id, f"{self._lab_id}-elsewhere"}:
                with suppress(APIError):
                    facts = api.inspect_container(listed["Id"])
                    alive = facts["State"]["Status"] in {"running", "paused"}
                    yield facts, self._samples.of(listed["Id"]) if alive else {}


def _used_families(
    looks: list[tuple[dict[str, Any], dict[str, Any]]], now: float, ooms: Callable[[str], int]
) -> Iterator[Metric]:
    gauges = {name: GaugeMetricFamily(name, text, labels=_LABELS) for name, text in _USED.items()}
    counters = {n: CounterMetricFamily(n, text, labels=_LABELS) for n, text in _COUNTED.items()}
    for facts, stats in looks:
        if not stats.get("memory_stats"):
            continue
        labels, usage = _labels(facts), _usage(stats)
        values = {
            "container_last_seen": float(int(now)),
            "container_health_state": _health_state(facts),
            "container_memory_usage_bytes": usage[0],
            "container_memory_working_set_bytes": usage[1],
            "container_spec_memory_limit_bytes": facts["HostConfig"]["Memory"],
            "container_start_time_seconds": _seconds(facts["State"]["StartedAt"]),
        }
        for name, value in values.items():
            gauges[name].add_metric(labels, value, timestamp=now)
        cpu = stats["cpu_stats"]["cpu_usage"].get("total_usage", 0) / 1e9
        counters["container_cpu_usage_seconds"].add_metric(labels, cpu, timestamp=now)
        counters["container_oom_events"].add_metric(labels, ooms(facts["Id"]), timestamp=now)
    yield from gauges.values()
    yield from counters.values()


def _state_families(looks: list[tuple[dict[str, Any], dict[str, Any]]]) -> Iterator[Metric]:
    status = GaugeMetricFamily(
        "container_state_status", "Container status", labels=[*_LABELS, "status"]
    )
    health = GaugeMetricFamily(
        "container_state_health_status", "Health status", labels=[*_LABELS, "status"]
    )
    plain = {name: GaugeMetricFamily(name, text, labels=_LABELS) for name, text in _STATE.items()}
    for facts, _ in looks:
        labels, state = _labels(facts), facts["State"]
        for word in _STATUSES:
            status.add_metric([*labels, word], float(state["Status"] == word))
        for word in _HEALTHS:
            health.add_metric([*labels, word], float(_health(facts) == word))
        values = {
            "container_state_oomkilled": float(state["OOMKilled"]),
            "container_state_exitcode": float(state["ExitCode"]),
            "container_state_startedat": _seconds(state["StartedAt"]),
            "container_state_finishedat": _seconds(state["FinishedAt"]),
            "container_restartcount": float(facts["RestartCount"]),
        }
        for name, value in values.items():
            plain[name].add_metric(labels, value)
    yield from (status, health, *plain.values())


def _labels(facts: dict[str, Any]) -> list[str]:
    return [f"/docker/{facts['Id']}", facts["Config"]["Image"], facts["Name"].lstrip("/")]


def _health(facts: dict[str, Any]) -> str:
    return str(facts["State"].get("Health", {}).get("Status", "none"))


def _health_state(facts: dict[str, Any]) -> float:
    return {"healthy": 1.0, "none": -1.0}.get(_health(facts), 0.0)


def _usage(stats: dict[str, Any]) -> tuple[float, float]:
    """Usage and working set in bytes; cgroup v1 and v2 name the inactive file cache apart."""
    memory = stats["memory_stats"]
    usage = float(memory.get("usage", 0))
    details = memory.get("stats", {})
    inactive = details.get("total_inactive_file", details.get("inactive_file", 0))
    return usage, max(0.0, usage - inactive)


def _seconds(text: str) -> float:
    """Docker's RFC 3339 time in seconds; 0 for its zero time."""
    if text.startswith("0001"):
        return 0.0
    whole, _, rest = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{rest or 0}")


class Volumes(Collector):
    """`node_filesystem_*` of the lab's volumes, at their mount point on the host.

    Read with `df` inside the container that holds them, so that no root is needed here.
    """

    def __init__(
        self, client: DockerClient, held: Callable[[], tuple[str, dict[str, str]]]
    ) -> None:
        self._client = client
        self._held = held

    def describe(self) -> Iterable[Metric]:
        """Nothing at registration."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Size and room of every volume, as node_exporter says it."""
        names = ["device", "fstype", "mountpoint"]
        size = GaugeMetricFamily("node_filesystem_size_bytes", "Size in bytes", labels=names)
        room = GaugeMetricFamily(
            "node_filesystem_avail_bytes", "Room for non-root users in bytes", labels=names
        )
        for mountpoint, total, free in self._volumes():
            size.add_metric(["tmpfs", "tmpfs", mountpoint], total)
            room.add_metric(["tmpfs", "tmpfs", mountpoint], free)
        yield from (size, room)

    def _volumes(self) -> Iterator[tuple[str, float, float]]:
        holder, volumes = self._held()
        if not holder:
            return
        try:
            run = self._client.api.exec_create(holder, ["df", "-Pk", *volumes.values()])
            rows = self._client.api.exec_start(run["Id"]).decode().splitlines()[1:]
            for volume, row in zip(volumes, rows, strict=True):
                _, total, _, free, *_ = row.split()
                mountpoint = self._client.api.inspect_volume(volume)["Mountpoint"]
                yield mountpoint, float(total) * 1024, float(free) * 1024
        except (DockerException, RequestException):
            return


class Exporter:
    """Serves one collector on one port, in a thread, until it is closed."""

    def __init__(self, collector: Collector, port: int) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(collector)
        self._port = port
        self._server: Any = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._server, self._thread = start_http_server(
            self._port, addr="127.0.0.1", registry=self._registry
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        if self._thread is not None:
            self._thread.join(5)
