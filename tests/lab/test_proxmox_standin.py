"""The stand-in answers, refuses and runs tasks as Proxmox does."""

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.standins.proxmox_access import EVERYTHING, SECRET, TOKEN, Account
from tests.proxmox_rig import Rig, certificates, rig

AUTH = {"Authorization": f"PVEAPIToken={TOKEN}={SECRET}"}


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


async def test_a_task_s_name_is_a_upid(schema: dict[str, Any], shopped: Rig) -> None:
    """In Proxmox' own form."""
    await shopped.do("web", "reboot_guest")
    await shopped.do("db", "reboot_guest")

    found = [task.upid for task in shopped.cluster.tasks]
    assert all(re.match(schema["upid"]["regex"], upid) for upid in found)


@pytest.mark.parametrize(
    ("method", "path", "worker"),
    [
        ("start", "lxc/101", "vzstart"),
        ("stop", "lxc/101", "vzstop"),
        ("shutdown", "lxc/101", "vzshutdown"),
        ("reboot", "lxc/101", "vzreboot"),
        ("start", "qemu/102", "qmstart"),
        ("stop", "qemu/102", "qmstop"),
        ("shutdown", "qemu/102", "qmshutdown"),
        ("reboot", "qemu/102", "qmreboot"),
        ("resume", "qemu/102", "qmresume"),
    ],
)
async def test_a_power_action_runs_the_right_worker(
    schema: dict[str, Any],
    shopped: Rig,
    api: httpx.AsyncClient,
    method: str,
    path: str,
    worker: str,
) -> None:
    """And answers at once with its name, while it runs."""
    if (method, path) == ("start", "lxc/101"):
        shopped.cluster.break_("web", "stopped")
    template = re.sub(r"/\d+", "/{vmid}", path)
    key = f"POST /nodes/{{node}}/{template}/status/{method}"

    answer = await api.post(f"/nodes/pve1/{path}/status/{method}")

    assert answer.json()["data"].split(":")[5] == worker
    assert schema["endpoints"][key]["worker_type"] == worker
    assert shopped.cluster.tasks[0].exit == ""


Call = Callable[[httpx.AsyncClient], Any]


@pytest.mark.parametrize(
    ("call", "status", "reason"),
    [
        (lambda api: api.get("/nodes/pve1/lxc/999/config"), 500,
         "Configuration file 'nodes/pve1/lxc/999.conf' does not exist"),
        (lambda api: api.get("/nodes/pve1/qemu/999/config"), 500,
         "Configuration file 'nodes/pve1/qemu-server/999.conf' does not exist"),
        (lambda api: api.post("/nodes/pve1/lxc/101/status/start"), 500, "CT 101 already running"),
        (lambda api: api.post("/x"), 501, "Method 'POST /x' not implemented"),
        (lambda api: api.put("/nodes/pve1/lxc/101/config", data={"memory": "much"}), 400,
         "Parameter verification failed."),
        (lambda api: api.get("/nodes/pve1/qemu", params={"full": "True"}), 400,
         "Parameter verification failed."),
        (lambda api: api.get("/nodes/pve1/lxc", params={"nonsense": "1"}), 400,
         "Parameter verification failed."),
        (lambda api: api.get("/nodes", headers={"Authorization": "PVEAPIToken=a@b!c=d"}), 401,
         "Authentication failed!"),
        (lambda api: api.get("/nodes", headers={"Authorization": ""}), 401, "No ticket"),
    ],
)  # fmt: skip
async def test_refusals_have_proxmox_status_and_reason(
    shopped: Rig, api: httpx.AsyncClient, call: Call, status: int, reason: str
) -> None:
    """The reason stands in the status line, and in the body where there is one."""
    answer = await call(api)

    assert (answer.status_code, answer.reason_phrase) == (status, reason)
    body = answer.json() if answer.content else {"data": None, "message": f"{reason}\n"}
    assert (body["data"], body["message"]) == (None, f"{reason}\n")


async def test_a_node_that_is_offline_is_595(shopped: Rig, api: httpx.AsyncClient) -> None:
    """Only what is asked of the node itself; the cluster's lists go on."""
    shopped.cluster.break_("pve2", "node_offline")

    answer = await api.get("/nodes/pve2/lxc")
    listed = (await api.get("/cluster/resources", params={"type": "vm"})).json()["data"]

    assert (answer.status_code, answer.reason_phrase) == (595, "No route to host")
    assert {row["status"] for row in listed if row["node"] == "pve2"} == {"unknown"}


async def test_privileges_filter_lists_and_refuse_the_rest() -> None:
    """A list is shorter without a word; a path says which privilege where."""
    account = Account(privileges={"/vms/101": ["VM.Audit"], "/nodes": ["Sys.Audit"]})
    async with rig(accounts=[account]) as made:
        found = await made.proxmox.inventory()

        assert [facts.target.id for facts in found.guests] == ["101"]
        assert account.holds("/vms/102") == ()


@pytest.mark.parametrize("lacking", ["VM.Config.Memory", "VM.PowerMgmt", "VM.Audit"])
async def test_every_privilege_counts(lacking: str) -> None:
    """One less, and something is refused."""
    held = [name for name in EVERYTHING if name != lacking]
    async with rig(accounts=[Account(privileges={"/": held})]) as made:
        work = [
            made.do("web", "raise_guest_memory", memory_mib=1024),
            made.do("web", "reboot_guest"),
        ]
        done = await asyncio.gather(*work, return_exceptions=True)

    assert any("403 Permission check failed" in str(one) for one in done)


async def test_what_came_through_the_api_is_written_down(shopped: Rig) -> None:
    """For the judge: verb, guest, status and who; what people did is not in it."""
    shopped.cluster.break_("web", "stopped_by_person")
    await shopped.do("web", "start_guest")

    (action,) = shopped.cluster.actions
    assert (action.verb, action.name, action.status, action.detail) == (
        "start_guest",
        "web",
        200,
        TOKEN,
    )
