"""The JSON objects of Proxmox' API over a simulated cluster. Not here: routes or refusals.

Fields and types are those of the published schema; booleans are 1 and 0.
"""

from datetime import datetime
from typing import Any

from lab.cluster import Cluster
from lab.cluster_parts import MIB, Guest, Node, Task

Json = dict[str, Any]
_DISK = 8 * 1024 * MIB


def node(cluster: Cluster, one: Node) -> Json:
    """A row of the list of nodes."""
    row: Json = {"node": one.name, "status": "online" if one.online else "offline", "level": ""}
    if not one.online:
        return row
    return row | {
        "cpu": 0.07,
        "maxcpu": one.cores,
        "maxmem": one.memory,
        "mem": node_usage(cluster, one),
        "uptime": _seconds(one.booted_at, cluster.clock.now()),
    }


def node_status(cluster: Cluster, one: Node) -> Json:
    """A node's own word on itself."""
    used = node_usage(cluster, one)
    return {
        "boot-info": {"mode": "efi"},
        "cpu": 0.07,
        "cpuinfo": {"cpus": one.cores},
        "current-kernel": {"sysname": "Linux"},
        "loadavg": ["0.10", "0.12", "0.09"],
        "memory": {"total": one.memory, "used": used, "free": one.memory - used},
        "pveversion": "pve-manager/8.4.1/stand-in",
        "rootfs": {"total": 10 * _DISK, "used": _DISK},
        "uptime": _seconds(one.booted_at, cluster.clock.now()),
    }


def node_usage(cluster: Cluster, one: Node) -> int:
    """Bytes in use: its guests' and its own."""
    guests = (guest for guest in cluster.guests.values() if guest.node == one.name)
    return 1024 * MIB + sum(map(cluster.usage, guests))


def resource(cluster: Cluster, guest: Guest) -> Json:
    """A guest's row in the cluster's list; on a dead node nobody knows more than its name."""
    row: Json = {
        "id": guest.id,
        "type": guest.api_kind,
        "vmid": guest.vmid,
        "name": guest.name,
        "node": guest.node,
        "template": int(guest.template),
        **({"hastate": guest.ha_state} if guest.ha_state else {}),
        **({"tags": ";".join(guest.tags)} if guest.tags else {}),
    }
    if not cluster.nodes[guest.node].online:
        return row | {"status": "unknown"}
    told = guest.qmp if guest.kind == "vm" else _process(guest)
    return row | {"status": told, **_sizes(cluster, guest), "maxcpu": guest.cores}


def node_resource(cluster: Cluster, one: Node) -> Json:
    """A node's row in the cluster's list."""
    return node(cluster, one) | {"id": f"node/{one.name}", "type": "node"}


def listed(cluster: Cluster, guest: Guest, *, full: bool) -> Json:
    """A guest's row in its node's list; QEMU's own word only in a full one."""
    row = {
        "vmid": guest.vmid,
        "name": guest.name,
        "status": _process(guest),
        "cpus": guest.cores,
        **_sizes(cluster, guest),
        **({"tags": ";".join(guest.tags)} if guest.tags else {}),
        **({"template": 1} if guest.template else {}),
    }
    if guest.kind == "lxc":
        return row | {"maxswap": guest.swap * MIB}
    return row | ({"qmpstatus": guest.qmp} if full else {})


def current(cluster: Cluster, guest: Guest) -> Json:
    """A guest's status."""
    ha: Json = {"managed": 0}
    if guest.ha_state:
        ha = {"managed": 1, "state": guest.ha_state}
    return listed(cluster, guest, full=True) | {"ha": ha}


def config(cluster: Cluster, guest: Guest, *, now_only: bool) -> Json:
    """A guest's configuration: with what is pending, or as it is now."""
    memory = guest.memory if now_only else guest.pending or guest.memory
    shared: Json = {
        "digest": cluster.machinery.digest(guest),
        "cores": guest.cores,
        "ostype": "debian" if guest.kind == "lxc" else "l26",
        "description": "made by the lab",
        **({"onboot": 1} if guest.onboot else {}),
        **({"lock": guest.lock} if guest.lock else {}),
        **({"template": 1} if guest.template else {}),
        **({"tags": ";".join(guest.tags)} if guest.tags else {}),
    }
    if guest.kind == "lxc":
        own = {"hostname": guest.name, "memory": memory, "swap": guest.swap, "unprivileged": 1}
        return shared | own | {"rootfs": f"local:{guest.vmid}/vm-disk-0.raw,size=8G"}
    return shared | {"name": guest.name, "memory": str(memory), "sockets": 1}


def task(one: Task) -> Json:
    """A row of a node's task list. The token's name is split off its user's."""
    user, _, token = one.user.partition("!")
    row: Json = {
        "upid": one.upid,
        "node": one.node,
        "pid": one.number + 1000,
        "pstart": one.number + 9000,
        "starttime": int(one.started_at.timestamp()),
        "type": one.kind,
        "id": str(one.vmid),
        "user": user,
        **({"tokenid": token} if token else {}),
    }
    if one.ended_at is None:
        return row | {"status": "RUNNING"}
    return row | {"endtime": int(one.ended_at.timestamp()), "status": one.exit}


def task_status(one: Task) -> Json:
    """A task's own status."""
    row = {key: value for key, value in task(one).items() if key not in {"endtime", "status"}}
    if one.ended_at is None:
        return row | {"status": "running"}
    return row | {"status": "stopped", "exitstatus": one.exit}


def _process(guest: Guest) -> str:
    return "running" if guest.running else "stopped"


def _sizes(cluster: Cluster, guest: Guest) -> Json:
    return {
        "maxmem": guest.memory * MIB,
        "mem": cluster.usage(guest),
        "maxdisk": _DISK,
        "cpu": 0.02 if guest.running else 0,
        "uptime": cluster.uptime(guest),
        **({"lock": guest.lock} if guest.lock else {}),
    }


def _seconds(since: datetime, now: datetime) -> int:
    return int((now - since).total_seconds())
