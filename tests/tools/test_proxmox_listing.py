"""The inventory: whatever fails is named, and nothing is guessed."""

import time
from collections.abc import AsyncIterator

import pytest

from lab.cluster import Cluster
from lab.standins.proxmox_access import Account
from tests.proxmox_rig import Rig, rig
from tools import proxmox_listing


@pytest.fixture
async def shopped() -> AsyncIterator[Rig]:
    """The shop, all well."""
    async with rig() as made:
        yield made


async def states(made: Rig) -> dict[str, str]:
    """The status of every guest by name."""
    found = await made.proxmox.inventory()
    return {facts.target.name: facts.status for facts in found.guests}


async def test_everything_is_listed_with_its_facts(shopped: Rig) -> None:
    """The same facts as one by one, tasks included."""
    shopped.cluster.break_("db", "paused_by_person")
    shopped.cluster.break_("win", "ha_error")

    found = await shopped.proxmox.inventory()

    one_by_one = [await shopped.proxmox.guest(facts.target) for facts in found.guests]
    stable = {"started_at": None, "uptime_s": None}
    assert [facts.model_copy(update=stable) for facts in found.guests] == [
        facts.model_copy(update=stable) for facts in one_by_one
    ]
    assert found.unreachable == {}


async def test_guests_of_a_dead_node_are_unknown(shopped: Rig) -> None:
    """The node's own facts say that it is offline; the rest of the cluster is as it is."""
    shopped.cluster.break_("pve2", "node_offline")

    found = await shopped.proxmox.inventory()

    assert {one.target.name: one.online for one in found.nodes} == {"pve1": True, "pve2": False}
    assert await states(shopped) == {
        "web": "running",
        "db": "running",
        "cache": "unknown",
        "win": "unknown",
    }
    assert found.unreachable == {}


@pytest.mark.parametrize("path", ["pve2/lxc$", "pve2/qemu$", "pve2/tasks$"])
async def test_a_node_that_fails_is_named(shopped: Rig, path: str) -> None:
    """Its guests are unknown, not gone; the others are told."""
    shopped.standin.faults.add(path, status=595, body=b"")

    found = await shopped.proxmox.inventory()

    assert list(found.unreachable) == ["pve2"]
    assert "No route to host" in found.unreachable["pve2"]
    assert (await states(shopped))["win"] == "unknown"
    assert (await states(shopped))["web"] == "running"


async def test_a_slow_node_holds_nobody_up(shopped: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts as unreachable after a while."""
    monkeypatch.setattr(proxmox_listing, "LISTING_S", 0.3)
    shopped.standin.faults.add("pve2/qemu$", delay_s=30)
    began = time.monotonic()

    found = await shopped.proxmox.inventory()

    assert "did not list its guests" in found.unreachable["pve2"]
    assert time.monotonic() - began < 10


async def test_a_guest_whose_configuration_cannot_be_read_is_unknown(shopped: Rig) -> None:
    """Whether it should run is not known, so nothing is said of it."""
    shopped.standin.faults.add("lxc/101/config", status=500)

    found = await shopped.proxmox.inventory()

    assert list(found.unreachable) == ["pve1/101"]
    assert (await states(shopped))["web"] == "unknown"


async def test_a_guest_that_goes_while_we_list_is_left_out(shopped: Rig) -> None:
    """It is gone, not broken."""
    body = b'{"message":"Configuration file \'nodes/pve1/lxc/101.conf\' does not exist"}'
    shopped.standin.faults.add("lxc/101/config", status=500, body=body)

    found = await shopped.proxmox.inventory()

    assert "web" not in {facts.target.name for facts in found.guests}
    assert found.unreachable == {}


async def test_a_proxmox_that_is_not_there_is_named(shopped: Rig) -> None:
    """An inventory is never raised away."""
    shopped.standin.faults.add(".*", disconnect="before")

    found = await shopped.proxmox.inventory()

    assert (found.guests, found.nodes) == ([], [])
    assert list(found.unreachable) == [shopped.served.host]


@pytest.mark.parametrize("body", [b"<html>login</html>", b'{"data":[1]}', b'{"data":[{"x":1}]}'])
async def test_what_is_not_proxmox_is_named(shopped: Rig, body: bytes) -> None:
    """A proxy's page is no empty cluster."""
    shopped.standin.faults.add("/nodes$", status=200, body=body)

    found = await shopped.proxmox.inventory()

    assert "not what Proxmox' API gives" in found.unreachable[shopped.served.host]


async def test_a_token_without_privileges_sees_nothing_and_we_say_why() -> None:
    """Proxmox answers with an empty list, not with 403."""
    async with rig(accounts=[Account(privileges={})]) as made:
        found = await made.proxmox.inventory()

        assert found.guests == []
        assert "needs VM.Audit on /vms" in found.unreachable[made.served.host]


async def test_a_cluster_without_guests_is_well() -> None:
    """Empty is not blind."""
    cluster = Cluster()
    cluster.add_node("pve1")
    async with rig(cluster) as made:
        found = await made.proxmox.inventory()

        assert (len(found.nodes), found.unreachable) == (1, {})


async def test_what_a_token_lacks_is_listed() -> None:
    """For `doctor`, before the first incident."""
    account = Account(privileges={"/vms": ["VM.Audit"], "/nodes": ["Sys.Audit"]})
    async with rig(accounts=[account]) as made:
        assert await made.proxmox.lacking() == ["VM.PowerMgmt", "VM.Config.Memory"]


NODE_ROW = {"id": "node/pve1", "type": "node", "node": "pve1", "status": "online"}
STORAGE_ROW = {"id": "storage/pve1/local", "type": "storage", "node": "pve1", "storage": "local"}


@pytest.mark.parametrize("row", [NODE_ROW, STORAGE_ROW, {"id": "pool/x"}, {}])
async def test_what_is_no_guest_in_the_list_of_guests_is_left_out(
    shopped: Rig, row: dict[str, str]
) -> None:
    """A gateway may drop `type=vm`; the guests are there all the same, and nothing is wrong."""
    shopped.standin.twist("cluster/resources$", lambda rows: [row, *rows, row])

    found = await shopped.proxmox.inventory()

    assert await states(shopped) == dict.fromkeys(("web", "db", "cache", "win"), "running")
    assert found.unreachable == {}


async def test_a_list_of_nodes_and_storage_only_is_explained() -> None:
    """The token sees no guest, whatever else it is shown."""
    async with rig(accounts=[Account(privileges={})]) as made:
        made.standin.twist("cluster/resources$", lambda _: [NODE_ROW, STORAGE_ROW])
        found = await made.proxmox.inventory()

        assert "needs VM.Audit on /vms" in found.unreachable[made.served.host]


@pytest.mark.parametrize("path", ["cluster/resources$", "pve1/lxc$"])
async def test_a_row_that_cannot_be_read_is_named(shopped: Rig, path: str) -> None:
    """It blinds to no other guest, whichever list it stands in."""
    odd = {"type": "lxc", "node": "pve1", "vmid": "1o1", "name": "odd"}
    shopped.standin.twist(path, lambda rows: [odd, *rows])

    found = await shopped.proxmox.inventory()

    assert list(found.unreachable) == ["pve1/1o1"]
    assert await states(shopped) == dict.fromkeys(("web", "db", "cache", "win"), "running")


async def test_guests_of_a_node_that_cannot_be_read_are_unknown(shopped: Rig) -> None:
    """They are not gone: the cluster's list still has them."""
    shopped.standin.twist("/nodes$", lambda rows: [rows[0], {**rows[1], "maxmem": "much"}])

    found = await shopped.proxmox.inventory()

    assert list(found.unreachable) == ["pve2"]
    assert (await states(shopped))["win"] == "unknown"
    assert (await states(shopped))["web"] == "running"


@pytest.mark.parametrize("missing", ["type", "id", "starttime", "user"])
async def test_a_task_that_leaves_something_out_is_read_from_its_upid(
    shopped: Rig, missing: str
) -> None:
    """The guest that it works on is busy, and the others are as they are."""
    shopped.cluster.break_("web", "locked")
    shopped.cluster.get("web").lock = ""
    shopped.standin.twist(
        "/tasks$", lambda rows: [{k: v for k, v in row.items() if k != missing} for row in rows]
    )
    found = await shopped.proxmox.inventory()
    facts = await shopped.proxmox.guest(shopped.target("web"))

    assert {one.target.name: one.task for one in found.guests if one.task} == {"web": "vzdump"}
    assert (facts.task, found.unreachable) == ("vzdump", {})


async def test_a_task_that_cannot_be_read_and_runs_keeps_hands_off(shopped: Rig) -> None:
    """An old one of that kind means nothing."""
    running = {"upid": "", "id": "101", "status": "RUNNING"}
    ended = {"upid": "", "id": "102", "endtime": 7, "status": "OK"}
    shopped.standin.twist("pve1/tasks$", lambda rows: [running, ended, *rows])

    found = await shopped.proxmox.inventory()

    assert {one.target.name: one.task for one in found.guests if one.task} == {"web": "task"}
    assert found.unreachable == {}
