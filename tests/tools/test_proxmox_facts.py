"""Proxmox' answers become facts: sizes in bytes, times in UTC, and no guess."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tools import proxmox_facts as read

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ROW = {
    "vmid": 101,
    "name": "web",
    "status": "running",
    "maxmem": 536870912,
    "mem": 1000,
    "maxswap": 512,
    "cpus": 2,
    "uptime": 60,
    "tags": "shop;front",
}
CONFIG = {"digest": "d", "hostname": "web", "memory": 512, "onboot": 1, "rootfs": "local:x"}


def task_row(kind: str, start: int, end: int | None = None, exit_text: str = "OK") -> Any:
    """A row of the task list."""
    upid = f"UPID:pve:00000001:{start:08X}:{start:08X}:{kind}:101:agent@pve!nightshift:"
    row = {"upid": upid, "type": kind, "user": "agent@pve", "starttime": start, "id": "101"}
    return row | ({"endtime": end, "status": exit_text} if end else {"status": "RUNNING"})


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({"status": "running"}, "running"),
        ({"status": "stopped"}, "stopped"),
        ({"status": "running", "qmpstatus": "paused"}, "paused"),
        ({"status": "running", "qmpstatus": "suspended"}, "suspended"),
        ({"status": "stopped", "lock": "suspended"}, "suspended"),
        ({"status": "running", "qmpstatus": "io-error"}, "unknown"),
        ({"status": "running", "qmpstatus": "prelaunch"}, "unknown"),
        ({"status": "unknown"}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_status(row: dict[str, str], status: str) -> None:
    """What QEMU says comes before the process; what we do not know is unknown."""
    assert read.status_of(row) == status


def test_a_guest_is_complete() -> None:
    """Every field of a container comes from its status and configuration."""
    facts = read.guest(ROW, CONFIG, [], kind="lxc", node="pve", now=NOW)

    assert (facts.target.host, facts.target.id, facts.target.name) == ("pve", "101", "web")
    assert (facts.status, facts.onboot, facts.template, facts.cores) == ("running", True, False, 2)
    assert (facts.memory_limit, facts.memory_usage, facts.swap_limit) == (536870912, 1000, 512)
    assert facts.started_at == NOW - timedelta(seconds=60)
    assert facts.tags == ["shop", "front"]


@pytest.mark.parametrize("told", [{"uptime": 0}, {"uptime": None}, {}])
@pytest.mark.parametrize(("status", "uptime"), [("running", None), ("stopped", 0.0)])
def test_an_uptime_that_is_not_told_is_not_zero(
    told: dict[str, Any], status: str, uptime: float | None
) -> None:
    """What runs has been up for some time, and nobody knows for how long."""
    row = {**ROW, "status": status, "uptime": None, **told}

    facts = read.guest(row, CONFIG, [], kind="lxc", node="pve", now=NOW)

    assert (facts.uptime_s, facts.started_at) == (uptime, None)


def test_a_nodes_uptime_is_hidden_without_sys_audit() -> None:
    """Proxmox leaves it out: the node has not booted just now."""
    assert read.node({"node": "pve", "status": "online"}).uptime_s is None
    assert read.node({"node": "pve", "status": "offline"}).uptime_s == 0.0


def test_a_guest_without_a_name_has_its_number() -> None:
    """So that people can find it."""
    nameless = {**ROW, "name": ""}

    assert read.guest(nameless, {}, [], kind="vm", node="pve", now=NOW).target.name == "VM101"


@pytest.mark.parametrize(
    ("row", "state"),
    [
        ({"ha": {"managed": 0}}, ""),
        ({"ha": {"managed": 1, "state": "started"}}, "started"),
        ({"ha": {"managed": 1}}, "managed"),
        ({"ha": {"managed": 1, "state": "ignored"}}, ""),
        ({"hastate": "error"}, "error"),
        ({}, ""),
    ],
)
def test_ha_state(row: dict[str, Any], state: str) -> None:
    """Empty where the HA manager does not own it."""
    assert read.ha_state(row) == state


@pytest.mark.parametrize(
    ("memory", "mib"), [(512, 512), ("2048", 2048), ("current=4096", 4096), (None, 0), ("", 0)]
)
def test_memory_is_read_in_all_its_spellings(memory: object, mib: int) -> None:
    """A number for containers, text for machines."""
    assert read.memory_mib({"memory": memory}) == mib


def test_the_digest_does_not_know_memory_or_locks() -> None:
    """Raising memory or a backup does not make it another guest."""
    raised = CONFIG | {"memory": 1024, "swap": 0, "lock": "backup", "digest": "e"}
    moved = CONFIG | {"rootfs": "other:x"}

    assert read.stable_digest(CONFIG) == read.stable_digest(raised)
    assert read.stable_digest(CONFIG) != read.stable_digest(moved)


def test_tasks_are_ordered_and_each_is_there_once() -> None:
    """Running ones first, then the newest; a task may stand in both lists."""
    rows = [
        task_row("vzstart", 100, 101),
        task_row("vzdump", 300),
        task_row("vzstop", 200, 201, "x"),
    ]

    found = read.tasks([*rows, rows[1]])

    assert [(one.kind, one.exit) for one in found] == [
        ("vzdump", ""),
        ("vzstop", "x"),
        ("vzstart", "OK"),
    ]


def test_a_task_belongs_to_the_token_that_made_it() -> None:
    """The list leaves the token's name out; the UPID does not."""
    assert read.task(task_row("vzstart", 100)).user == "agent@pve!nightshift"


def test_a_running_task_is_told() -> None:
    """Its kind says what is being done."""
    tasks = read.tasks([task_row("vzstart", 100, 101), task_row("vzdump", 300)])
    facts = read.guest(ROW, CONFIG, tasks, kind="lxc", node="pve", now=NOW)

    assert facts.task == "vzdump"
    assert read.guest(ROW, CONFIG, tasks[1:], kind="lxc", node="pve", now=NOW).task == ""


def test_oom_lines_are_counted() -> None:
    """The kernel's words and the allocator's."""
    log = [{"n": 1, "t": "Memory cgroup out of memory: Killed process 7"}, {"n": 2, "t": "ok"}]

    assert read.oom_events(log) == 1


def test_an_unread_guest_is_unknown() -> None:
    """The cluster's list may say `running` of a guest that nobody has seen for seconds."""
    facts = read.unread({**ROW, "type": "qemu", "node": "pve2"})

    assert (facts.status, facts.target.kind, facts.target.host) == ("unknown", "vm", "pve2")
    assert facts.started_at is None


@pytest.mark.parametrize(
    ("status", "online"), [("online", True), ("offline", False), (None, False)]
)
def test_a_node(status: str | None, online: bool) -> None:
    """Only `online` is online."""
    assert read.node({"node": "pve", "status": status}).online is online
