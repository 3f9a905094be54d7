"""The four verbs: done once, told truly, and nothing sent where hands must stay off."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.errors import Conflict, NotFound, Permanent, Transient
from domain.remedy import Verb
from lab.cluster import Cluster, ClusterPace
from lab.cluster_parts import ClusterFault
from lab.standins.proxmox_access import Account
from tests.proxmox_rig import Rig, rig, shop
from tools import proxmox_effects

SLOW = ClusterPace(task_s=60.0, ha_s=60.0)


@pytest.fixture
async def shopped() -> AsyncIterator[Rig]:
    """The shop, all well."""
    async with rig() as made:
        yield made


def busy(fault: str, cluster: Cluster) -> None:
    """Make `db` a guest that is in somebody's hands."""
    guest = cluster.get("db")
    if fault == "locked":
        cluster.break_("db", "locked")
    elif fault == "task":
        cluster.machinery.begin("qmigrate", guest, "root@pam", lambda: "OK", takes_s=60)
    elif fault == "template":
        guest.template = True
    elif fault == "ha error":
        cluster.break_("db", "ha_error")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("locked", r"locked \(backup\)"),
        ("task", "task 'qmigrate' runs"),
        ("template", "template"),
        ("ha error", "state 'error'"),
    ],
)
@pytest.mark.parametrize("verb", ["start_guest", "reboot_guest", "raise_guest_memory"])
async def test_hands_off_what_somebody_has_in_hand(
    shopped: Rig, fault: str, reason: str, verb: Verb
) -> None:
    """A lock, a running task, a template or an HA error is a conflict before anything is sent."""
    busy(fault, shopped.cluster)

    with pytest.raises(Conflict, match=f"{reason}.*nothing was done"):
        await shopped.do("db", verb, memory_mib=4096)

    assert shopped.sent() == []


async def test_a_guest_under_another_name_is_another_guest(shopped: Rig) -> None:
    """Who renamed it may have made it something else."""
    effect = shopped.effect("web", "reboot_guest")
    shopped.cluster.get("web").name = "shop"

    with pytest.raises(Conflict, match="called 'shop' now"):
        await shopped.proxmox.perform(effect)

    assert shopped.sent() == []


async def test_nothing_is_done_to_what_cannot_be_seen(shopped: Rig) -> None:
    """On a node that is offline the status is unknown, so nothing is sent."""
    shopped.cluster.break_("pve1", "node_offline")

    with pytest.raises(Transient, match="unknown; nothing was done"):
        await shopped.do("web", "start_guest")

    assert shopped.sent() == []


async def test_a_containers_verb_is_refused(shopped: Rig) -> None:
    """Docker's verbs do not reach a guest."""
    with pytest.raises(Permanent, match="'restart' is nothing that Proxmox does"):
        await shopped.do("web", "restart")


@pytest.mark.parametrize("name", ["web", "db"])
async def test_a_start_waits_for_its_task(shopped: Rig, name: str) -> None:
    """Done means that the task has ended well, once."""
    shopped.cluster.break_(name, "stopped")

    done = await shopped.do(name, "start_guest")

    assert (done.result, done.detail) == ("done", "started")
    assert shopped.cluster.is_well(name)
    assert shopped.sent() == [f"start_guest {name}"]


async def test_a_start_of_what_runs_changes_nothing(shopped: Rig) -> None:
    """It is not even asked for."""
    assert (await shopped.do("web", "start_guest")).result == "already"
    assert shopped.sent() == []


@pytest.mark.parametrize("name", ["web", "db"])
async def test_somebody_else_was_faster(name: str) -> None:
    """A container is refused at once, a machine by its task: both mean that it runs."""
    async with rig(shop(ClusterPace(task_s=0.3))) as made:
        guest = made.cluster.get(name)
        made.cluster.break_(name, "stopped")
        if guest.kind == "lxc":
            text = b'{"data":null,"message":"CT 101 already running\\n"}'
            made.standin.faults.add("status/start", status=500, body=text)
        work = asyncio.create_task(made.do(name, "start_guest"))
        await made.standin.faults.arrived("status/start")
        made.cluster.machinery.come_up(guest)

        assert (await work).result == "already"


async def test_a_backup_that_began_just_now_is_a_conflict() -> None:
    """The task itself meets the lock, and nothing took place."""
    async with rig(shop(ClusterPace(task_s=0.3))) as made:
        made.cluster.break_("web", "stopped")
        work = asyncio.create_task(made.do("web", "start_guest"))
        await made.standin.faults.arrived("status/start")
        made.cluster.get("web").lock = "backup"

        with pytest.raises(Conflict, match=r"CT is locked \(backup\)"):
            await work


async def test_a_task_that_fails_gives_proxmox_own_reason(shopped: Rig) -> None:
    """The exit text is what a person needs."""
    shopped.cluster.break_("web", "unstartable")

    with pytest.raises(Permanent, match="startup for container '101' failed") as caught:
        await shopped.do("web", "start_guest")

    assert type(caught.value) is Permanent


async def test_warnings_are_a_success_that_is_told(shopped: Rig) -> None:
    """`WARNINGS: n` is done, with the word in the detail."""
    shopped.cluster.break_("web", "unstartable")
    shopped.cluster.get("web").unstartable = "WARNINGS: 2"

    done = await shopped.do("web", "start_guest")

    assert (done.result, done.detail) == ("done", "started (WARNINGS: 2; see the task's log)")


async def test_a_task_without_an_end_is_unknown_and_never_sent_again() -> None:
    """Time is up: transient, and one call only."""
    async with rig(shop(SLOW), task_timeout_s=0.3) as made:
        made.cluster.break_("web", "stopped")

        with pytest.raises(Transient, match=r"the end of UPID:pve1:.* is unknown: it still runs"):
            await made.do("web", "start_guest")

        assert made.sent() == ["start_guest web"]


async def test_an_end_that_proxmox_does_not_know_is_unknown(shopped: Rig) -> None:
    """`unexpected status` says nothing about the guest."""
    shopped.cluster.break_("web", "unstartable")
    shopped.cluster.get("web").unstartable = "unexpected status"

    with pytest.raises(Transient, match="does not know how the task ended"):
        await shopped.do("web", "start_guest")


@pytest.mark.parametrize(
    "fault",
    [
        {"disconnect": "after"},
        {"disconnect": "before"},
        {"status": 595, "body": b""},
        {"status": 596, "body": b""},
    ],
)
async def test_a_lost_answer_is_unknown_and_never_sent_again(
    shopped: Rig, fault: dict[str, Any]
) -> None:
    """Whether the guest starts cannot be told, so it is said so, and sent once."""
    shopped.cluster.break_("web", "stopped")
    shopped.standin.faults.add("status/start", **fault)

    with pytest.raises(Transient):
        await shopped.do("web", "start_guest")

    assert len(list(shopped.standin.faults.seen("status/start"))) == 1


@pytest.mark.parametrize("body", [b"<html>who are you</html>", b'{"data":null}'])
async def test_an_answer_without_a_task_is_looked_for_and_never_sent_again(body: bytes) -> None:
    """A guest that is not seen to run for as long as a task may take: unknown, and sent once."""
    async with rig(task_timeout_s=0.5) as made:
        made.cluster.break_("web", "stopped")
        made.standin.faults.add("status/start", status=200, body=body)

        with pytest.raises(Transient, match=r"named no task|not JSON|whether"):
            await made.do("web", "start_guest")

        assert len(list(made.standin.faults.seen("status/start"))) == 1


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 595}, {"disconnect": "before"}])
async def test_a_poll_that_fails_is_asked_again(shopped: Rig, fault: dict[str, Any]) -> None:
    """Only the question is repeated, never the deed."""
    shopped.cluster.break_("web", "stopped")
    shopped.standin.faults.add("tasks/UPID.*/status", times=2, **fault)

    assert (await shopped.do("web", "start_guest")).result == "done"
    assert shopped.sent() == ["start_guest web"]


async def test_a_refusal_in_unknown_words_is_handed_on(shopped: Rig) -> None:
    """A 500 for a power action means that no task was begun."""
    shopped.cluster.break_("web", "stopped")
    shopped.standin.faults.add("status/start", status=500, body=b'{"message":"no space left"}')

    with pytest.raises(Permanent, match=r"did not start: .*500 no space left"):
        await shopped.do("web", "start_guest")


async def test_a_missing_privilege_is_named_with_its_path() -> None:
    """403 tells the operator what to grant, where."""
    account = Account(privileges={"/": ["VM.Audit", "Sys.Audit"]})
    async with rig(accounts=[account]) as made:
        made.cluster.break_("web", "stopped")

        with pytest.raises(Permanent, match=r"403 .*\(/vms/101, VM.PowerMgmt\)"):
            await made.do("web", "start_guest")


async def test_an_ha_guest_counts_when_it_runs(shopped: Rig) -> None:
    """The task only queues the request; done is said when the guest is up."""
    shopped.cluster.break_("db", "ha_stopped")

    done = await shopped.do("db", "start_guest")

    assert done.detail == "started by the HA manager"
    assert shopped.cluster.is_well("db")
    assert [task.kind for task in shopped.cluster.tasks] == ["hastart"]


async def test_an_ha_manager_that_does_nothing_is_unknown() -> None:
    """It may start the guest later: transient, sent once."""
    async with rig(shop(ClusterPace(task_s=0.05, ha_s=60)), task_timeout_s=0.4) as made:
        made.cluster.break_("db", "ha_stopped")

        with pytest.raises(Transient, match=r"HA manager was asked.*stopped still"):
            await made.do("db", "start_guest")

        assert made.sent() == ["start_guest db"]


async def test_a_paused_machine_is_resumed(shopped: Rig) -> None:
    """Once; again it is not paused any more."""
    shopped.cluster.break_("db", "paused")

    first, second = await shopped.do("db", "resume_guest"), await shopped.do("db", "resume_guest")

    assert (first.result, second.result) == ("done", "already")
    assert shopped.sent() == ["resume_guest db"]


@pytest.mark.parametrize(
    ("name", "fault", "verb", "reason"),
    [
        ("web", "stopped", "resume_guest", "is stopped, not paused"),
        ("db", "stopped", "resume_guest", "is stopped, not paused"),
        ("db", "paused", "start_guest", "is paused, not stopped"),
        ("db", "paused", "reboot_guest", "is paused, not running"),
        ("web", "stopped", "reboot_guest", "is stopped, not running"),
    ],
)
async def test_a_verb_that_does_not_fit_is_not_sent(
    shopped: Rig, name: str, fault: ClusterFault, verb: Verb, reason: str
) -> None:
    """Proxmox would refuse, or do something else."""
    shopped.cluster.break_(name, fault)

    with pytest.raises(Conflict, match=f"{reason}; nothing was done"):
        await shopped.do(name, verb)

    assert shopped.sent() == []


@pytest.mark.parametrize("name", ["web", "db"])
async def test_a_reboot_is_done_when_it_came_up_again(shopped: Rig, name: str) -> None:
    """Its uptime begins anew."""
    done = await shopped.do(name, "reboot_guest")

    assert (done.result, done.detail) == ("done", "rebooted")
    assert shopped.cluster.uptime(shopped.cluster.get(name)) < 5


async def test_what_our_reboot_left_down_is_started() -> None:
    """The task failed after the shutdown: one start of our own."""
    async with rig(shop(ClusterPace(task_s=0.2))) as made:
        guest = made.cluster.get("db")
        guest.unstartable = "start failed: QEMU exited with code 1"
        work = asyncio.create_task(made.do("db", "reboot_guest"))
        await made.standin.faults.arrived("status/start")
        guest.unstartable = ""

        assert (await work).detail.startswith("rebooted by a start of its own")
        assert made.sent() == ["reboot_guest db", "start_guest db"]


async def test_a_reboot_that_ends_well_but_stays_down_is_started(
    shopped: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """QEMU is started by another process after the task: where that fails, we start it."""
    monkeypatch.setattr(proxmox_effects, "UP_AGAIN_S", 0.3)
    machinery, guest = shopped.cluster.machinery, shopped.cluster.get("db")
    monkeypatch.setattr(machinery, "_started", lambda guest: "OK")
    work = asyncio.create_task(shopped.do("db", "reboot_guest"))
    await shopped.standin.faults.arrived("status/reboot")
    await shopped.standin.faults.arrived("status/start")
    monkeypatch.undo()
    monkeypatch.setattr(proxmox_effects, "UP_AGAIN_S", 0.3)

    assert (await work).detail.startswith("rebooted by a start of its own")
    assert guest.running


async def test_what_we_shut_down_and_cannot_start_is_told_loudly(shopped: Rig) -> None:
    """It is down because of us, and somebody must know."""
    shopped.cluster.get("db").unstartable = "start failed: QEMU exited with code 1"

    with pytest.raises(Permanent, match=r"WE SHUT 'db' .*DOWN AND IT DOES NOT START AGAIN"):
        await shopped.do("db", "reboot_guest")

    assert shopped.sent() == ["reboot_guest db", "start_guest db"]


async def test_a_reboot_that_did_not_shut_down_leaves_it_alone(shopped: Rig) -> None:
    """The guest runs on: the reason, and no second action."""
    text = "VM quit/powerdown failed - got timeout"
    machinery, guest = shopped.cluster.machinery, shopped.cluster.get("db")
    upid = machinery.ended("qmreboot", guest, "agent@pve!nightshift", text).upid
    body = f'{{"data":"{upid}"}}'.encode()
    shopped.standin.faults.add("status/reboot", status=200, body=body)

    with pytest.raises(Permanent, match="got timeout"):
        await shopped.do("db", "reboot_guest")

    assert (guest.running, shopped.sent()) == (True, [])


async def test_a_guest_that_is_not_there_is_not_found(shopped: Rig) -> None:
    """Gone since it was decided on."""
    effect = shopped.effect("web", "start_guest")
    del shopped.cluster.guests[101]

    with pytest.raises(NotFound, match="does not exist"):
        await shopped.proxmox.perform(effect)


async def test_a_lock_taken_during_our_reboot_is_loud() -> None:
    """We shut it down, and a backup keeps it from coming back: that is not mere conflict."""
    async with rig(shop(ClusterPace(task_s=0.2))) as made:
        guest = made.cluster.get("web")
        guest.unstartable = "CT is locked (backup)"

        with pytest.raises(Permanent, match="WE SHUT 'web'"):
            await made.do("web", "reboot_guest")


async def test_what_a_person_stopped_just_now_is_not_started(shopped: Rig) -> None:
    """Our reboot is refused at once: it was not ours to shut down, nor to start."""
    text = b'{"data":null,"message":"VM 101 not running\\n"}'
    shopped.standin.faults.add("status/reboot", delay_s=0.2, status=500, body=text)
    work = asyncio.create_task(shopped.do("web", "reboot_guest"))
    await shopped.standin.faults.arrived("status/reboot")
    shopped.cluster.break_("web", "stopped_by_person")

    with pytest.raises(Conflict, match="VM 101 not running"):
        await work

    assert list(shopped.standin.faults.seen("status/start")) == []


@pytest.mark.parametrize("answer", ["UPID:pve:1:2:3:vzstart:101:root@pam:", "", None, {"ok": 1}])
async def test_a_start_that_names_no_task_is_seen_by_its_guest(shopped: Rig, answer: Any) -> None:
    """A gateway may shorten the answer: the guest runs, so it was started."""
    shopped.cluster.break_("web", "stopped")
    shopped.standin.twist("status/start$", lambda _: answer)
    done = await shopped.do("web", "start_guest")

    assert (done.result, shopped.sent()) == ("done", ["start_guest web"])
    assert "it runs" in done.detail


async def test_a_start_that_names_no_task_and_is_not_seen_is_unknown() -> None:
    """Looked at until time is up, and never sent again."""
    async with rig(shop(SLOW), task_timeout_s=0.5) as made:
        made.cluster.break_("web", "stopped")
        made.standin.twist("status/start$", lambda _: "UPID")
        with pytest.raises(Transient, match="it named no task"):
            await made.do("web", "start_guest")

        assert made.sent() == ["start_guest web"]
