"""The paths that the stand-in Proxmox serves: parameters, privileges, answers.

The table is checked against the published schema by a test. Not here: JSON objects
(proxmox_json.py), or who asks (proxmox_access.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from lab.cluster import Cluster
from lab.cluster_parts import ClusterRefusal, Guest, Task
from lab.cluster_verbs import Machinery
from lab.standins import proxmox_json as shapes
from lab.standins.proxmox_access import Account

_DEFAULT_LIMIT = 50


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request: who asks, the words of the path, the parameters."""

    cluster: Cluster
    account: Account
    path: Mapping[str, str]
    asked: Mapping[str, str]

    def guest(self, api_kind: str) -> Guest:
        """The guest of the path. Raises ClusterRefusal as a missing file of Proxmox' does."""
        node, vmid = self.path["node"], self.path["vmid"]
        guest = self.cluster.guests.get(int(vmid))
        if guest is None or guest.node != node or guest.api_kind != api_kind:
            folder = "lxc" if api_kind == "lxc" else "qemu-server"
            text = f"Configuration file 'nodes/{node}/{folder}/{vmid}.conf' does not exist"
            raise ClusterRefusal(500, text)
        return guest

    def task(self) -> Task:
        """The task of the path: its owner may see it, others need Sys.Audit."""
        found = next((one for one in self.cluster.tasks if one.upid == self.path["upid"]), None)
        if found is None:
            raise ClusterRefusal(500, "no such task")
        if found.user != self.account.user:
            self.account.check(f"/nodes/{found.node}", ["Sys.Audit"])
        return found


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One method of one path. `changes` is how a call is written down for the judge."""

    answer: Callable[[Call], Any]
    params: Mapping[str, str] = field(default_factory=dict)
    on: str = ""
    privileges: Sequence[str] = ()
    one_of: bool = False
    changes: str = ""


def _resources(call: Call) -> list[shapes.Json]:
    """What the account may see: nothing, and no 403, without privileges."""
    cluster, kind = call.cluster, call.asked.get("type")
    guests = [
        shapes.resource(cluster, one)
        for one in cluster.guests.values()
        if kind in {None, "vm"} and "VM.Audit" in call.account.holds(f"/vms/{one.vmid}")
    ]
    nodes = [
        shapes.node_resource(cluster, one)
        for one in cluster.nodes.values()
        if kind in {None, "node"} and "Sys.Audit" in call.account.holds(f"/nodes/{one.name}")
    ]
    return guests + nodes


def _nodes(call: Call) -> list[shapes.Json]:
    return [shapes.node(call.cluster, one) for one in call.cluster.nodes.values()]


def _guests(api_kind: str) -> Callable[[Call], Any]:
    def answer(call: Call) -> list[shapes.Json]:
        return [
            shapes.listed(call.cluster, one, full=call.asked.get("full") == "1")
            for one in call.cluster.guests.values()
            if one.node == call.path["node"]
            and one.api_kind == api_kind
            and "VM.Audit" in call.account.holds(f"/vms/{one.vmid}")
        ]

    return answer


def _tasks(call: Call) -> list[shapes.Json]:
    """Newest first; of others' only for who holds Sys.Audit."""
    node, asked = call.path["node"], call.asked
    sees_all = "Sys.Audit" in call.account.holds(f"/nodes/{node}")
    source = asked.get("source", "archive")
    found = [
        shapes.task(one)
        for one in reversed(call.cluster.tasks)
        if one.node == node
        and (sees_all or one.user == call.account.user)
        and asked.get("vmid", str(one.vmid)) == str(one.vmid)
        and source in {"all", "active" if one.ended_at is None else "archive"}
    ]
    return found[: int(asked.get("limit", _DEFAULT_LIMIT))]


def _log(call: Call) -> list[shapes.Json]:
    lines = call.task().log[: int(call.asked.get("limit", _DEFAULT_LIMIT))] or ["no content"]
    return [{"n": number, "t": text} for number, text in enumerate(lines, 1)]


def _set_memory(api_kind: str) -> Callable[[Call], Any]:
    def answer(call: Call) -> None:
        guest, asked = call.guest(api_kind), call.asked
        if "memory" in asked:
            call.account.check(f"/vms/{guest.vmid}", ["VM.Config.Memory"])
            wanted, digest = int(asked["memory"]), asked.get("digest", "")
            call.cluster.machinery.set_memory(guest, wanted, digest)

    return answer


def _power(api_kind: str, verb: Callable[[Machinery, Guest, str], Task], name: str) -> Endpoint:
    """A POST that becomes a task."""
    return Endpoint(
        answer=lambda call: (
            verb(call.cluster.machinery, call.guest(api_kind), call.account.user).upid
        ),
        params=_POWER_PARAMS[name],
        on="/vms/{vmid}",
        privileges=["VM.PowerMgmt"],
        changes=f"{name}_guest",
    )


_POWER_PARAMS: dict[str, dict[str, str]] = {
    "start": {},
    "stop": {},
    "shutdown": {"timeout": "integer", "forceStop": "boolean"},
    "reboot": {"timeout": "integer"},
    "resume": {},
}
_VERBS: dict[str, Callable[[Machinery, Guest, str], Task]] = {
    "start": Machinery.start,
    "stop": partial(Machinery.stop, gently=False),
    "shutdown": partial(Machinery.stop, gently=True),
    "reboot": Machinery.reboot,
}
_MAY_SET = {
    "lxc": ["Disk", "CPU", "Memory", "Network", "Options"],
    "qemu": ["Disk", "CDROM", "CPU", "Memory", "Network", "HWType", "Options", "Cloudinit"],
}


def _of_guest(api_kind: str) -> dict[str, Endpoint]:
    """Everything below /nodes/{node}/lxc/{vmid} or /nodes/{node}/qemu/{vmid}."""
    path, kind = f"/nodes/{{node}}/{api_kind}", api_kind
    full = {"full": "boolean"} if kind == "qemu" else {}
    audit = partial(Endpoint, on="/vms/{vmid}", privileges=["VM.Audit"])
    found = {
        f"GET {path}": Endpoint(answer=_guests(kind), params=full),
        f"GET {path}/{{vmid}}/status/current": audit(
            answer=lambda call: shapes.current(call.cluster, call.guest(kind))
        ),
        f"GET {path}/{{vmid}}/config": audit(
            answer=lambda call: shapes.config(
                call.cluster, call.guest(kind), now_only=call.asked.get("current") == "1"
            ),
            params={"current": "boolean"},
        ),
        f"PUT {path}/{{vmid}}/config": Endpoint(
            answer=_set_memory(kind),
            params={"memory": "integer" if kind == "lxc" else "string", "digest": "string"},
            on="/vms/{vmid}",
            privileges=[f"VM.Config.{name}" for name in _MAY_SET[kind]],
            one_of=True,
            changes="raise_guest_memory",
        ),
    }
    for name, verb in _VERBS.items():
        found[f"POST {path}/{{vmid}}/status/{name}"] = _power(kind, verb, name)
    return found


_TASK = "GET /nodes/{node}/tasks/{upid}"
ENDPOINTS: dict[str, Endpoint] = {
    "GET /version": Endpoint(
        answer=lambda _: {"version": "8.4.1", "release": "8.4", "repoid": "stand-in"}
    ),
    "GET /access/permissions": Endpoint(
        answer=lambda call: {
            path: dict.fromkeys(names, 1) for path, names in call.account.privileges.items()
        }
    ),
    "GET /cluster/resources": Endpoint(answer=_resources, params={"type": "string"}),
    "GET /nodes": Endpoint(answer=_nodes),
    "GET /nodes/{node}/status": Endpoint(
        answer=lambda call: shapes.node_status(call.cluster, call.cluster.nodes[call.path["node"]]),
        on="/nodes/{node}",
        privileges=["Sys.Audit"],
    ),
    "GET /nodes/{node}/tasks": Endpoint(
        answer=_tasks, params={"source": "string", "limit": "integer", "vmid": "integer"}
    ),
    f"{_TASK}/status": Endpoint(answer=lambda call: shapes.task_status(call.task())),
    f"{_TASK}/log": Endpoint(answer=_log, params={"limit": "integer"}),
    **_of_guest("lxc"),
    **_of_guest("qemu"),
    "POST /nodes/{node}/qemu/{vmid}/status/resume": _power("qemu", Machinery.resume, "resume"),
}
"""By method and path, below `/api2/json`."""
