"""One guest in depth, where a real cluster cannot be made to behave so."""

from collections.abc import AsyncIterator

import pytest

from domain.errors import NotFound, Permanent, Transient
from domain.target import Target
from lab.standins.proxmox_access import TOKEN, Account
from tests.proxmox_rig import Rig, rig
from tools.proxmox import ProxmoxCluster


@pytest.fixture
async def shopped() -> AsyncIterator[Rig]:
    """The shop, all well."""
    async with rig() as made:
        yield made


async def test_a_guest_on_a_dead_node_is_unknown(shopped: Rig) -> None:
    """Its node does not answer; the cluster still knows its name."""
    target = shopped.target("win")
    shopped.cluster.break_("pve2", "node_offline")

    facts = await shopped.proxmox.guest(target)

    assert (facts.status, facts.target) == ("unknown", target)


async def test_a_dead_node_and_a_mute_cluster_are_transient(shopped: Rig) -> None:
    """Nothing is known, so nothing is told."""
    shopped.cluster.break_("pve2", "node_offline")
    shopped.standin.faults.add("cluster/resources", status=200, body=b'{"data":[]}')

    with pytest.raises(Transient, match="595 No route to host"):
        await shopped.proxmox.guest(shopped.target("win"))


async def test_a_guest_that_moved_is_not_found_with_its_new_node(shopped: Rig) -> None:
    """The HA manager or a person moved it."""
    target = shopped.target("web")
    shopped.cluster.get("web").node = "pve2"

    with pytest.raises(NotFound, match="guest 101 is on node 'pve2' now"):
        await shopped.proxmox.guest(target)


@pytest.mark.parametrize(
    ("host", "vmid", "kind"),
    [
        ("pve1", "web", "lxc"),
        ("pve1", "99", "lxc"),
        ("pve1", "0101", "lxc"),
        ("pve1", "101/../102", "lxc"),
        ("../access", "101", "lxc"),
        ("pve1", "101", "container"),
        ("pve1", "101", "node"),
    ],
)
async def test_only_a_node_and_a_vmid_name_a_guest(
    shopped: Rig, host: str, vmid: str, kind: str
) -> None:
    """Neither may be a name, a pattern or a path: nothing is asked."""
    target = Target.model_validate(
        {"kind": kind, "host": host, "id": vmid, "name": "web", "service": "web"}
    )

    with pytest.raises(Permanent):
        await shopped.proxmox.guest(target)

    assert shopped.standin.faults.requests == []


async def test_a_container_is_not_a_machine(shopped: Rig) -> None:
    """The number is right, the kind is not."""
    wrong = shopped.target("web").model_copy(update={"kind": "vm"})

    with pytest.raises(NotFound, match="does not exist"):
        await shopped.proxmox.guest(wrong)


async def test_who_stopped_it_is_in_its_tasks(shopped: Rig) -> None:
    """The user, and what came of it."""
    shopped.cluster.break_("web", "stopped_by_person")

    (task,) = (await shopped.proxmox.guest(shopped.target("web"))).tasks

    assert (task.kind, task.user, task.exit) == ("vzshutdown", "root@pam", "OK")


async def test_our_own_tasks_bear_our_name(shopped: Rig) -> None:
    """Policy can tell them from a person's."""
    await shopped.do("web", "reboot_guest")

    (task,) = (await shopped.proxmox.guest(shopped.target("web"))).tasks

    assert task.user == shopped.proxmox.user == TOKEN


async def test_a_backup_is_seen_by_lock_and_task(shopped: Rig) -> None:
    """Either means hands off."""
    shopped.cluster.break_("web", "locked")

    facts = await shopped.proxmox.guest(shopped.target("web"))

    assert (facts.lock, facts.task, facts.well) == ("backup", "vzdump", False)


UPID = "UPID:pve1:00000001:00000002:6789ABCD"
OTHERS: list[dict[str, object]] = [
    {"upid": f"{UPID}:vzdump:999:root@pam:", "type": "vzdump", "id": "999", "starttime": 1},
    {"upid": f"{UPID}:aptupdate::root@pam:", "type": "aptupdate", "id": "", "starttime": 1},
    {"upid": f"{UPID}:vzdump::root@pam:", "type": "vzdump", "starttime": 1},
]


@pytest.mark.parametrize("row", OTHERS)
async def test_a_task_of_another_guest_or_of_the_node_is_not_its_own(
    shopped: Rig, row: dict[str, object]
) -> None:
    """Also where the server lists all tasks, whosever it was asked for: hands stay free."""
    shopped.cluster.break_("web", "stopped")
    shopped.standin.twist("pve1/tasks$", lambda rows: [{**row, "status": "RUNNING"}, *rows])

    assert (await shopped.proxmox.guest(shopped.target("web"))).task == ""
    assert (await shopped.do("web", "start_guest")).result == "done"


async def test_tasks_of_others_are_hidden_without_sys_audit() -> None:
    """Proxmox leaves them out without a word: so `lacking` names the privilege."""
    account = Account(privileges={"/vms": ["VM.Audit"]})
    async with rig(accounts=[account]) as made:
        made.cluster.break_("web", "stopped_by_person")

        assert (await made.proxmox.guest(made.target("web"))).tasks == []
        assert "Sys.Audit" in await made.proxmox.lacking()


async def test_a_start_for_want_of_memory_is_counted(shopped: Rig) -> None:
    """The log of a start that failed is read; nothing else of the API tells of it."""
    shopped.cluster.break_("web", "unstartable")
    shopped.cluster.get("web").start_log = ("lxc_spawn: Cannot allocate memory",)
    with pytest.raises(Permanent):
        await shopped.do("web", "start_guest")

    assert (await shopped.proxmox.guest(shopped.target("web"))).oom_events == 1


async def test_memory_that_waits_for_a_reboot_does_not_count_yet(shopped: Rig) -> None:
    """The limit is what is in effect; the digest is the same."""
    before = await shopped.proxmox.guest(shopped.target("db"))
    await shopped.do("db", "raise_guest_memory", memory_mib=4096)
    after = await shopped.proxmox.guest(shopped.target("db"))

    assert before.memory_limit == after.memory_limit
    assert before.config_digest == after.config_digest


async def test_a_missing_privilege_is_named() -> None:
    """A token that may not look is told what it needs."""
    async with rig(accounts=[Account(privileges={"/": ["Sys.Audit"]})]) as made:
        with pytest.raises(Permanent, match=r"Permission check failed \(/vms/101, VM.Audit\)"):
            await made.proxmox.guest(made.target("web"))


async def test_nothing_is_opened_before_it_is_needed() -> None:
    """Nightshift starts while Proxmox is away."""
    async with ProxmoxCluster("127.0.0.1:1", TOKEN, token_value="x") as proxmox:
        assert (await proxmox.inventory()).unreachable != {}


async def test_tags_that_only_the_lists_tell_are_the_guests(shopped: Rig) -> None:
    """Scope is by tag: the guest must not lose it where it is looked at in depth."""
    shopped.standin.twist(
        "/101/", lambda data: {k: v for k, v in data.items() if k != "tags"} if data else data
    )
    facts = await shopped.proxmox.guest(shopped.target("web"))
    found = (await shopped.proxmox.inventory()).guest(shopped.target("web"))

    assert facts.tags == ["shop", "front"]
    assert found is not None
    assert found.tags == facts.tags
