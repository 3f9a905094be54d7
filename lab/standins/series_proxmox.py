"""What an exporter on Proxmox' API would say of a simulated cluster: a source for Prometheus.

Names and labels are prometheus-pve-exporter's. Not here: sampling (history.py), or the cluster.
"""

from collections.abc import Iterator

from lab.cluster import Cluster
from lab.cluster_parts import MIB, Guest, Node
from lab.standins.history import Sample, Source
from lab.standins.proxmox_json import node_usage

PVE = {"instance": "pve.lab", "job": "pve"}
_LOCKS = ("backup", "clone", "create", "migrate", "rollback", "snapshot", "suspended")
_HA = ("stopped", "started", "error", "freeze", "fence")


def cluster_series(cluster: Cluster) -> Source:
    """A source for `Prometheus.watch`: every series of this cluster, as it is at each scrape."""

    def scrape() -> Iterator[Sample]:
        yield Sample(name="up", labels=PVE, value=1.0)
        for number, node in enumerate(cluster.nodes.values(), 1):
            yield from _node(cluster, node, number)
        for guest in cluster.guests.values():
            yield from _guest(cluster, guest)

    return scrape


def _node(cluster: Cluster, node: Node, number: int) -> Iterator[Sample]:
    labels = {**PVE, "id": f"node/{node.name}"}
    info = {**labels, "level": "", "name": node.name, "nodeid": str(number)}
    yield Sample(name="pve_node_info", labels=info, value=1.0)
    yield Sample(name="pve_up", labels=labels, value=float(node.online))
    if node.online:
        up_s = (cluster.clock.now() - node.booted_at).total_seconds()
        yield Sample(name="pve_uptime_seconds", labels=labels, value=float(int(up_s)))
        yield from _memory(labels, node_usage(cluster, node), node.memory)


def _guest(cluster: Cluster, guest: Guest) -> Iterator[Sample]:
    """A guest on a dead node is down and has no sizes, as in the cluster's own list."""
    labels = {**PVE, "id": guest.id}
    info = {
        **labels,
        "name": guest.name,
        "node": guest.node,
        "type": guest.api_kind,
        "template": str(int(guest.template)),
        "tags": ";".join(guest.tags),
    }
    online = cluster.nodes[guest.node].online
    running = guest.running and guest.qmp == "running"
    yield Sample(name="pve_guest_info", labels=info, value=1.0)
    yield Sample(name="pve_up", labels=labels, value=float(online and running))
    yield from _states("pve_ha_state", labels, _HA, guest.ha_state)
    if not online:
        return
    yield from _states("pve_lock_state", labels, _LOCKS, guest.lock)
    boot = {**labels, "node": guest.node, "type": guest.api_kind}
    yield Sample(name="pve_onboot_status", labels=boot, value=float(guest.onboot))
    yield Sample(name="pve_uptime_seconds", labels=labels, value=float(cluster.uptime(guest)))
    yield Sample(name="pve_cpu_usage_limit", labels=labels, value=float(guest.cores))
    yield Sample(name="pve_cpu_usage_ratio", labels=labels, value=0.02 if running else 0.0)
    yield from _memory(labels, cluster.usage(guest), guest.memory * MIB)


def _memory(labels: dict[str, str], used: int, size: int) -> Iterator[Sample]:
    yield Sample(name="pve_memory_usage_bytes", labels=labels, value=float(used))
    yield Sample(name="pve_memory_size_bytes", labels=labels, value=float(size))


def _states(
    name: str, labels: dict[str, str], words: tuple[str, ...], state: str
) -> Iterator[Sample]:
    for word in words:
        yield Sample(name=name, labels={**labels, "state": word}, value=float(word == state))
