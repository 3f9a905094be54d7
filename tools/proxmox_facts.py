"""Proxmox' answers, parsed into facts. Not here: calls to an API.

Of a container that ran out of memory the API keeps nothing: it is stopped, and no task says why.
What can be read is its usage while it runs (`mem` against `maxmem`) and the log of a start that
failed for want of memory, which `oom_events` counts. A kill inside a container that goes on is
told by metrics only.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from domain.guests import GuestFacts, GuestStatus, GuestTask, NodeFacts
from domain.target import Kind, Target
from tools.proxmox_api import Row

MIB = 1024**2
TASKS_KEPT = 20
UNREADABLE = "task"
"""The kind of a running task of which the list does not tell the kind."""
PATH_KINDS = {"lxc": "lxc", "vm": "qemu"}
"""What the API calls each kind of guest in its paths."""

_STATUS: dict[str, GuestStatus] = {
    "running": "running",
    "stopped": "stopped",
    "paused": "paused",
    "suspended": "suspended",
}
_CHANGING = {"memory", "swap", "balloon", "lock", "digest", "description", "tags", "parent"}
_START, _KIND, _OWNER, _USER = 4, 5, 6, 7
"""Places in a UPID: `UPID:node:pid:pstart:starttime:type:id:user:`, its numbers in hex."""
_OOM = re.compile(r"out of memory|oom-kill|cannot allocate memory", re.IGNORECASE)
_FREE_OF_HA = {"", "ignored"}


def status_of(row: Row) -> GuestStatus:
    """The status in a status or list row; what QEMU says of itself comes before the process.

    A state in which QEMU does not run but nobody paused it (`io-error`, `prelaunch`) is unknown.
    """
    if row.get("lock") == "suspended" and row.get("status") == "stopped":
        return "suspended"
    return _STATUS.get(str(row.get("qmpstatus") or row.get("status")), "unknown")


def guest(
    row: Row, config: Row, tasks: Sequence[GuestTask], *, kind: Kind, node: str, now: datetime
) -> GuestFacts:
    """One guest from its status (or its row in a node's list), its configuration and its tasks."""
    vmid = int(row["vmid"])
    status = status_of(row)
    uptime = _uptime(row, up=status == "running")
    running = [task for task in tasks if task.ended_at is None]
    return GuestFacts(
        target=_target(kind, node, vmid, str(row.get("name") or "")),
        status=status,
        lock=str(row.get("lock") or config.get("lock") or ""),
        task=running[0].kind if running else "",
        ha_state=ha_state(row),
        onboot=flag(config.get("onboot")),
        template=flag(row.get("template")) or flag(config.get("template")),
        memory_limit=int(row.get("maxmem") or 0),
        memory_usage=int(row.get("mem") or 0),
        swap_limit=int(row.get("maxswap") or 0),
        cores=int(float(row.get("cpus") or row.get("maxcpu") or 0)),
        uptime_s=uptime,
        started_at=now - timedelta(seconds=uptime) if uptime else None,
        config_digest=stable_digest(config) if config else "",
        tags=_tags(row.get("tags") or config.get("tags") or row.get("listed_tags")),
        tasks=list(tasks[:TASKS_KEPT]),
    )


def unread(row: Row) -> GuestFacts:
    """A guest of which only the cluster's list tells: its status is unknown, whatever that says."""
    kind: Kind = "lxc" if row["type"] == "lxc" else "vm"
    facts = guest(row, {}, [], kind=kind, node=str(row["node"]), now=datetime.now(UTC))
    return facts.model_copy(update={"status": "unknown", "uptime_s": 0.0, "started_at": None})


def node(row: Row) -> NodeFacts:
    """One row of the list of nodes."""
    name, online = str(row["node"]), row.get("status") == "online"
    return NodeFacts(
        target=Target(kind="node", host=name, id=name, name=name, service=name),
        online=online,
        uptime_s=_uptime(row, up=online),
        memory_limit=int(row.get("maxmem") or 0),
        memory_usage=int(row.get("mem") or 0),
    )


def task(row: Row) -> GuestTask:
    """One row of a node's task list; a running one has no end and the status `RUNNING`.

    What the row leaves out is taken from its UPID. The row's own `user` leaves out which token it
    was; the UPID does not. Raises ValueError, IndexError, TypeError.
    """
    ended, of_upid = row.get("endtime"), str(row.get("upid")).split(":")
    began = int(row["starttime"] if row.get("starttime") else int(of_upid[_START], 16))
    return GuestTask(
        upid=str(row.get("upid")),
        kind=str(row.get("type") or of_upid[_KIND]),
        user=of_upid[_USER],
        started_at=datetime.fromtimestamp(began, UTC),
        ended_at=datetime.fromtimestamp(int(ended), UTC) if ended else None,
        exit=str(row.get("status") or "") if ended else "",
    )


def owner(row: Row) -> str:
    """The vmid of the guest that a task works on, in digits; else what it works on, or nothing."""
    told, of_upid = row.get("id"), str(row.get("upid")).split(":")
    return str(told) if told else "".join(of_upid[_OWNER:_USER])


def _known_tasks(rows: Iterable[Row]) -> Iterator[GuestTask]:
    """Rows that can be read. Of others only that one runs matters: hands off."""
    for row in rows:
        try:
            yield task(row)
        except (ValueError, IndexError, TypeError, OverflowError, OSError):
            if not row.get("endtime"):
                kind, upid = str(row.get("type") or UNREADABLE), str(row.get("upid") or "")
                yield GuestTask(upid=upid, kind=kind, user="", started_at=datetime.now(UTC))


def tasks(rows: Iterable[Row]) -> list[GuestTask]:
    """All tasks, running ones first, then the newest; a list may name one of them twice."""
    known = sorted(_known_tasks(rows), key=lambda one: one.ended_at is None)
    found = {one.upid: one for one in known}
    return sorted(
        found.values(), key=lambda one: (one.ended_at is None, one.started_at), reverse=True
    )


def ha_state(row: Row) -> str:
    """The HA manager's state; empty where it does not own the guest. `managed` if it has none."""
    told = row.get("ha")
    if isinstance(told, dict):
        state = str(told.get("state") or "managed") if flag(told.get("managed")) else ""
    else:
        state = str(row.get("hastate") or "")
    return "" if state in _FREE_OF_HA else state


def memory_mib(config: Row) -> int:
    """The configured memory in MiB: a number, `2048`, or `current=2048`; 0 where it is not said."""
    found = re.search(r"(?:^|current=)(\d+)", str(config.get("memory") or ""))
    return int(found[1]) if found else 0


def oom_events(log: Iterable[Row]) -> int:
    """Lines of a task's log that tell of a want of memory."""
    return sum(1 for line in log if _OOM.search(str(line.get("t") or "")))


def stable_digest(config: Row) -> str:
    """Tells two configurations apart, but not by what Nightshift or a backup changes."""
    kept = {key: str(value) for key, value in config.items() if key not in _CHANGING}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def flag(value: object) -> bool:
    """Proxmox' booleans: 1 and 0, sometimes as text."""
    return str(value) in {"1", "True"}


def _uptime(row: Row, *, up: bool) -> float | None:
    """Seconds; of what is up, 0 is no more than a missing one: it does not say since when."""
    return float(row.get("uptime") or 0) or (None if up else 0.0)


def _target(kind: Kind, node: str, vmid: int, name: str) -> Target:
    known = name or f"{'CT' if kind == 'lxc' else 'VM'}{vmid}"
    return Target(kind=kind, host=node, id=str(vmid), name=known, service=known)


def _tags(value: object) -> list[str]:
    return [tag for tag in re.split(r"[;,\s]+", cast(str, value or "")) if tag]
