"""The stand-in and the adapter keep to Proxmox' published schema, in every path and field."""

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.cluster_parts import ClusterFault
from lab.standins.proxmox_access import SECRET, TOKEN
from lab.standins.proxmox_routes import ENDPOINTS
from tests.proxmox_rig import Rig, certificates, rig
from tools import proxmox_facts

AUTH = {"Authorization": f"PVEAPIToken={TOKEN}={SECRET}"}
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "array": (list,),
}
UNDECLARED = {"uptime", "tokenid"}
"""Given in practice, but not in the schema."""
FAULTS: dict[str, ClusterFault] = {
    "web": "backup_stop",
    "db": "paused_by_person",
    "cache": "stopped_by_person",
    "win": "ha_error",
}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The recorded facts."""
    path = Path(__file__).parents[1] / "data" / "proxmox_endpoints.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@pytest.fixture
async def shopped() -> AsyncIterator[Rig]:
    """The shop, all well."""
    async with rig() as made:
        yield made


@pytest.fixture
async def api(shopped: Rig) -> AsyncIterator[httpx.AsyncClient]:
    """A plain HTTPS client of it."""
    trusted = ssl.create_default_context(cafile=certificates().ca)
    base = f"https://{shopped.served.host}/api2/json"
    async with httpx.AsyncClient(base_url=base, verify=trusted, headers=AUTH) as client:
        yield client


@pytest.mark.parametrize("key", ENDPOINTS)
def test_every_path_is_proxmox_own(schema: dict[str, Any], key: str) -> None:
    """Path, method, parameters with their types, privileges: nothing of our own."""
    ours, theirs = ENDPOINTS[key], schema["endpoints"][key]
    words = {name: value["type"] for name, value in theirs["params"].items()}
    declared = theirs["privileges"]

    assert {name: words.get(name) for name in ours.params} == dict(ours.params)
    assert set(re.findall(r"\{(\w+)\}", key)) <= set(words)
    assert ([] if declared == "all" else declared[2]) == list(ours.privileges)
    assert declared == "all" or declared[1] == ours.on
    assert ours.one_of == ("any" in declared)


def wrong(fields: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    """Where a row lacks a field, has one too many, or has a wrong type."""
    strange = [f"{name} is not declared" for name in row.keys() - fields.keys() - UNDECLARED]
    needed = {name for name, field in fields.items() if not field.get("optional")}
    missing = [f"{name} is missing" for name in needed - row.keys() if "[n]" not in name]
    shared = fields.keys() & row.keys()
    odd = [f"{name} is {row[name]!r}" for name in shared if not fits(fields[name], row[name])]
    return strange + missing + odd


def fits(field: Mapping[str, Any], value: Any) -> bool:
    """Whether a value is what the schema says; booleans are 1 and 0, never true and false."""
    if field["type"] == "boolean":
        return type(value) is int and value in {0, 1}
    return isinstance(value, TYPES[field["type"]]) and value in field.get("enum", [value])


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("key", [key for key in ENDPOINTS if key.startswith("GET")])
async def test_every_answer_has_the_declared_fields(
    schema: dict[str, Any], shopped: Rig, api: httpx.AsyncClient, key: str, broken: bool
) -> None:
    """Well or broken: declared fields only, required ones all, each of its type."""
    task = shopped.cluster.machinery.ended("vzstart", shopped.cluster.get("web"), TOKEN)
    for name, fault in (FAULTS if broken else {}).items():
        shopped.cluster.break_(name, fault)
    vmid = "102" if "/qemu" in key else "101"
    path = key.removeprefix("GET ").format(node="pve1", vmid=vmid, upid=task.upid)

    data = (await api.get(path)).json()["data"]

    returns = schema["endpoints"][key]["returns"]
    assert isinstance(data, TYPES[returns["type"]])
    rows: list[Any] = data if isinstance(data, list) else [data]
    assert rows
    if "fields" in returns:
        assert [text for row in rows for text in wrong(returns["fields"], row)] == []


class Watched(dict[str, Any]):
    """A row that remembers which of its fields were asked for."""

    asked: set[str]

    def __init__(self, row: Mapping[str, Any]) -> None:
        super().__init__(row)
        self.asked = set()

    def get(self, key: str, default: Any = None) -> Any:
        """Remember and answer."""
        self.asked.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self.asked.add(key)
        return super().__getitem__(key)


def fields_of(schema: dict[str, Any], *keys: str) -> set[str]:
    """The declared answer fields of these paths."""
    return {name for key in keys for name in schema["endpoints"][key]["returns"]["fields"]}


async def test_the_adapter_reads_declared_fields_only(schema: dict[str, Any]) -> None:
    """Whatever it asks of a row is in the schema of a path that the row comes from."""
    row, config = Watched({"vmid": 101}), Watched({})
    proxmox_facts.guest(row, config, [], kind="lxc", node="pve", now=datetime.now(UTC))
    proxmox_facts.memory_mib(config)
    listed = Watched({"vmid": 101, "type": "lxc", "node": "pve"})
    proxmox_facts.unread(listed)
    node = Watched({"node": "pve"})
    proxmox_facts.node(node)
    upid = "UPID:pve:00000001:00000001:00000001:vzstart:101:root@pam:"
    task = Watched({"upid": upid, "type": "vzstart", "user": "root@pam", "starttime": 1})
    proxmox_facts.task(task)
    lists = ["GET /nodes/{node}/lxc", "GET /nodes/{node}/qemu", "GET /cluster/resources"]
    current = [f"GET /nodes/{{node}}/{kind}/{{vmid}}/status/current" for kind in ("lxc", "qemu")]
    configs = [f"GET /nodes/{{node}}/{kind}/{{vmid}}/config" for kind in ("lxc", "qemu")]
    ours = {"listed_tags"}  # put there by the adapter itself

    assert row.asked <= fields_of(schema, *lists, *current) | ours
    assert listed.asked <= fields_of(schema, *lists) | {"ha"} | ours
    assert config.asked <= fields_of(schema, *configs)
    assert node.asked <= fields_of(schema, "GET /nodes")
    assert task.asked <= fields_of(schema, "GET /nodes/{node}/tasks")


async def test_the_adapter_asks_declared_paths_only(schema: dict[str, Any], shopped: Rig) -> None:
    """Everything it ever sends is a method of a path in the schema."""
    shopped.cluster.break_("db", "paused")
    shopped.cluster.break_("cache", "unstartable")
    await shopped.proxmox.inventory()
    await shopped.proxmox.lacking()
    await shopped.do("db", "resume_guest")
    await shopped.do("db", "raise_guest_memory", memory_mib=4096)
    await shopped.do("web", "raise_guest_memory", memory_mib=4096)
    await shopped.do("db", "reboot_guest")
    await shopped.do("web", "reboot_guest")
    await asyncio.gather(shopped.do("cache", "start_guest"), return_exceptions=True)
    await shopped.proxmox.guest(shopped.target("cache"))

    patterns = [re.sub(r"\{\w+\}", "[^/]+", key) for key in schema["endpoints"]]
    sent = {
        f"{method} {path.removeprefix('/api2/json')}"
        for method, path in shopped.standin.faults.requests
    }
    assert [one for one in sent if not any(re.fullmatch(p, one) for p in patterns)] == []
    assert len(sent) > 20
