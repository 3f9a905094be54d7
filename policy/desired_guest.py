"""Who stopped a guest: somebody, a backup, the HA manager, we or its own fault. Not here: tasks.

Source of the worker names: pve-container's and qemu-server's API (`vzstop`, `qmshutdown` …).
"""

from datetime import datetime, timedelta
from typing import Literal

from domain.guests import GuestFacts, GuestTask
from policy.desired import Stop

STARTS = frozenset(
    {"vzstart", "qmstart", "vzreboot", "qmreboot", "qmreset", "vzresume", "qmresume"}
)
STOPS = frozenset({"vzstop", "qmstop", "vzshutdown", "qmshutdown"})
REBOOTS = frozenset({"vzreboot", "qmreboot"})
SUSPENDS = frozenset({"vzsuspend", "qmsuspend", "qmpause"})
BACKUP = "vzdump"
FAILED_COUNTS = timedelta(hours=1)
"""A shutdown that timed out may still end the guest, but not days later."""
OURS_WITHIN = timedelta(seconds=60)
SKEW = timedelta(seconds=2)


def explain_guest(facts: GuestFacts, *, reboots: list[datetime], now: datetime) -> Stop:
    """Tell whose doing the present state is; `reboots` are the times at which we rebooted it."""
    if facts.running:
        return Stop(by="none", detail="status running")
    if facts.status == "unknown":
        return Stop(by="unexplained", detail="its node does not tell how it is")
    if facts.ha_state:
        return Stop(by="ha", detail=f"the HA manager decides over it (state {facts.ha_state})")
    if facts.status in ("paused", "suspended"):
        return _explain_pause(facts)
    return _explain_end(facts, reboots, now)


def _explain_pause(facts: GuestFacts) -> Stop:
    task = _newest(facts, SUSPENDS | STARTS)
    if facts.status == "suspended" or (task and task.kind in SUSPENDS):
        return Stop(by="person", action="suspend", detail=f"suspended{_by(task)}")
    words = "paused, and no task says by whom: a full or failing disk does this too"
    return Stop(by="unexplained", action="pause", detail=words)


def _explain_end(facts: GuestFacts, reboots: list[datetime], now: datetime) -> Stop:
    since = _born(facts)
    tasks = [one for one in facts.tasks if since is None or one.started_at >= since]
    backups = [one for one in tasks if one.kind == BACKUP]
    stops = [one for one in tasks if one.kind in STOPS and _counts(one, now)]
    mine = [one for one in stops if not any(_within(one, backup) for backup in backups)]
    rebooted = [one for one in tasks if one.kind in REBOOTS and not _went_well(one)]
    if mine:
        last = max(mine, key=lambda one: one.started_at)
        action: Literal["stop", "shutdown"] = "stop" if last.kind.endswith("stop") else "shutdown"
        return Stop(by="person", action=action, detail=f"{last.kind}{_by(last)}")
    if rebooted:
        return _explain_reboot(rebooted[0], reboots)
    if backups:
        return Stop(by="backup", detail="a backup was made and did not bring it back")
    if facts.oom_events:
        return Stop(by="oom", detail="it ran out of memory")
    return Stop(by="crash", detail="it ended, and no task of Proxmox stopped it")


def _explain_reboot(task: GuestTask, reboots: list[datetime]) -> Stop:
    ours = any(when - SKEW <= task.started_at <= when + OURS_WITHIN for when in reboots)
    if ours:
        return Stop(by="ours", action="stop", detail="our reboot did not bring it back")
    return Stop(by="person", action="stop", detail=f"{task.kind}{_by(task)} did not bring it back")


def _born(facts: GuestFacts) -> datetime | None:
    """When it was last started: what was done before that does not matter any more."""
    starts = [one.started_at for one in facts.tasks if one.kind in STARTS and _went_well(one)]
    return max(starts, default=None)


def _newest(facts: GuestFacts, kinds: frozenset[str]) -> GuestTask | None:
    found = [one for one in facts.tasks if one.kind in kinds]
    return max(found, key=lambda one: one.started_at, default=None)


def _went_well(task: GuestTask) -> bool:
    return task.exit == "OK" or task.exit.startswith("WARNINGS")


def _counts(task: GuestTask, now: datetime) -> bool:
    return _went_well(task) or task.ended_at is None or now - task.ended_at <= FAILED_COUNTS


def _within(task: GuestTask, backup: GuestTask) -> bool:
    ended = backup.ended_at or task.started_at
    return backup.started_at - SKEW <= task.started_at <= ended + SKEW


def _by(task: GuestTask | None) -> str:
    return f" by {task.user} at {task.started_at:%H:%M}" if task else ""
