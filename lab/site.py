"""A scenario's Proxmox cluster in its lab: API by HTTPS, exporter, gates to what runs in a guest.

Simulated: there is no package of Proxmox. Not here: how guests behave (cluster.py).
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from docker.utils import kwargs_from_env
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lab.cluster import Cluster, ClusterPace
from lab.containers import Placed
from lab.exporter import Exporter
from lab.gate import Gates
from lab.judge import Deed
from lab.scenario import Step
from lab.scenario_cluster import Datacenter
from lab.standins.history import Source
from lab.standins.proxmox import ProxmoxStandin, Served, running
from lab.standins.proxmox_access import SECRET, TOKEN
from lab.standins.series_proxmox import PVE, cluster_series

INSIDE = "127.0.0.2"
"""Where the services of a guest publish; a gate brings their ports to 127.0.0.1."""
PACE = ClusterPace(task_s=0.5, ha_s=1.0, oom_s=2.0, backup_s=10.0)
_SOCKET = "/var/run/docker.sock"


class Site:
    """One lab's cluster; `docker_on` is the guest that the lab's Docker runs in, if any."""

    def __init__(self, part: Datacenter, docker_on: str) -> None:
        self.cluster = Cluster(pace=PACE)
        self.docker_on = docker_on
        self._served: Served
        self._docker_port = 0
        self._gates = Gates(self.docker_is_up)
        for node in part.nodes:
            self.cluster.add_node(node)
        for guest in part.guests:
            self.cluster.add_guest(**guest.model_dump())

    @asynccontextmanager
    async def open(self, exporter_port: int) -> AsyncIterator[None]:
        """Serve the API, the exporter and the way to Docker. Raises NoCertificate."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.cluster.aclose)
            standin = ProxmoxStandin(self.cluster)
            self._served = await stack.enter_async_context(running(standin))
            stack.enter_context(Exporter(Guests(cluster_series(self.cluster)), exporter_port))
            await stack.enter_async_context(self._gates)
            if self.docker_on:
                self._docker_port = await self._gates.to_socket(_socket())
            yield

    async def admit(self, placed: Iterable[Placed]) -> None:
        """Let the published services be reached while their guest is up."""
        for one in placed:
            if one.url and self.docker_on:
                await self._gates.to_port(INSIDE, urlsplit(one.url).port or 0)

    def docker_is_up(self) -> bool:
        """Whether Docker and the services answer: they do where they run in no guest."""
        if not self.docker_on:
            return True
        guest = self.cluster.get(self.docker_on)
        return guest.running and not guest.paused and self.cluster.nodes[guest.node].online

    def env(self) -> dict[str, str]:
        """The settings with which an agent looks after it."""
        found = {
            "PROXMOX_HOST": self._served.host,
            "PROXMOX_USER": TOKEN,
            "PROXMOX_TOKEN_VALUE": SECRET,
            "PROXMOX_CA": self._served.ca,
            "PROXMOX_SCOPE": "*",
            "NIGHTSHIFT_VERIFY_GUEST_FOR_S": "6",
        }
        if not self.docker_on:
            return found
        host, guest = self.docker_on, self.cluster.get(self.docker_on)
        reached = {"DOCKER_HOSTS": f"{host}=tcp://127.0.0.1:{self._docker_port}"}
        return {**found, **reached, "DOCKER_GUESTS": f"{host}={guest.id}"}

    def break_(self, step: Step) -> None:
        """Do one step of a scenario's fault."""
        if step.kind == "node_back":
            self.cluster.bring_back(step.node)
        elif step.kind == "node_offline":
            self.cluster.break_(step.node, "node_offline")
        elif step.fault:
            self.cluster.break_(step.guest, step.fault, for_s=step.amount)

    def deeds(self) -> list[Deed]:
        """Every changing call that came in, refused ones too; from the API's own record."""
        return [
            Deed(at=one.at.timestamp(), verb=one.verb, service=one.name)
            for one in self.cluster.actions
        ]

    def portrait(self, name: str) -> dict[str, Any]:
        """What must not change in a guest that nobody should touch."""
        guest = self.cluster.get(name)
        return {
            "status": guest.qmp if guest.running else "stopped",
            "started": guest.started_at,
            "memory": guest.memory,
            "edits": guest.edits,
            "node": guest.node,
        }


class Guests(Collector):
    """The cluster's series as prometheus-pve-exporter serves them."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def describe(self) -> Iterable[Metric]:
        """Nothing at registration."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All families; what Prometheus adds at a scrape is left out."""
        families: dict[str, GaugeMetricFamily] = {}
        for sample in self._source():
            if sample.name == "up":
                continue
            labels = {key: value for key, value in sample.labels.items() if key not in PVE}
            fresh = GaugeMetricFamily(sample.name, "Of the simulated cluster", labels=list(labels))
            families.setdefault(sample.name, fresh).add_metric(list(labels.values()), sample.value)
        yield from families.values()


def _socket() -> str:
    """The daemon's socket on this machine."""
    url = kwargs_from_env().get("base_url", "")
    return url.removeprefix("unix://") if url.startswith("unix://") else _SOCKET
