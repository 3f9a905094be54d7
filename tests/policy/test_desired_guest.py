from datetime import timedelta
from typing import Any

import pytest

from domain.guests import GuestTask
from nightshift.testing import T0, guest
from policy.desired_guest import explain_guest


def task(kind: str, *, ago_s: float, lasted_s: float | None = 1, exit_: str = "OK") -> GuestTask:
    """One task that began so long ago; without a length it still runs."""
    began = T0 - timedelta(seconds=ago_s)
    return GuestTask(
        upid=f"UPID:pve1:{kind}:{ago_s}",
        kind=kind,
        user="root@pam",
        started_at=began,
        ended_at=None if lasted_s is None else began + timedelta(seconds=lasted_s),
        exit="" if lasted_s is None else exit_,
    )


def by(*tasks: GuestTask, reboots: tuple[float, ...] = (), **changes: Any) -> str:
    """Who stopped it, by these tasks and our reboots so many seconds ago."""
    facts = guest(**{"status": "stopped", "tasks": list(tasks), **changes})
    ours = [T0 - timedelta(seconds=ago) for ago in reboots]
    return explain_guest(facts, reboots=ours, now=T0).by


@pytest.mark.parametrize(
    ("tasks", "who"),
    [
        ([], "crash"),
        ([task("vzstart", ago_s=900)], "crash"),
        ([task("vzshutdown", ago_s=60)], "person"),
        ([task("qmstop", ago_s=60)], "person"),
        ([task("vzstop", ago_s=900), task("vzstart", ago_s=600)], "crash"),
        ([task("vzstart", ago_s=900), task("vzstop", ago_s=600)], "person"),
        ([task("vzstop", ago_s=600), task("vzstart", ago_s=300, exit_="no space")], "person"),
        ([task("vzshutdown", ago_s=600, exit_="got timeout")], "person"),
        ([task("vzshutdown", ago_s=9000, exit_="got timeout")], "crash"),
        ([task("vzstop", ago_s=1, lasted_s=None)], "person"),
        ([task("vzreboot", ago_s=60, exit_="start failed")], "person"),
        ([task("vzreboot", ago_s=600)], "crash"),
        ([task("vzdump", ago_s=900, lasted_s=600)], "backup"),
        ([task("vzdump", ago_s=900, lasted_s=600), task("qmshutdown", ago_s=890)], "backup"),
        ([task("vzshutdown", ago_s=1000), task("vzdump", ago_s=900, lasted_s=600)], "person"),
        ([task("vzdump", ago_s=900, lasted_s=60), task("vzstart", ago_s=800)], "crash"),
        ([task("vzmigrate", ago_s=60), task("vncproxy", ago_s=30)], "crash"),
    ],
)
def test_who_stopped_it(tasks: list[GuestTask], who: str) -> None:
    """A stop since the last start that went well is somebody's, unless a backup made it."""
    assert by(*tasks) == who
    assert by(*reversed(tasks)) == who


def test_our_reboot_that_failed_is_ours() -> None:
    """Only a reboot near one of ours; a person's stop right after our act stays a person's."""
    assert by(task("vzreboot", ago_s=60, exit_="start failed"), reboots=(61,)) == "ours"
    assert by(task("vzreboot", ago_s=60, exit_="start failed"), reboots=(600,)) == "person"
    assert by(task("vzstop", ago_s=60), reboots=(61,)) == "person"


@pytest.mark.parametrize(
    ("changes", "tasks", "who"),
    [
        ({"status": "running"}, [task("vzstop", ago_s=60)], "none"),
        ({"status": "unknown"}, [], "unexplained"),
        ({"ha_state": "started"}, [task("vzstop", ago_s=60)], "ha"),
        ({"oom_events": 1}, [], "oom"),
        ({"oom_events": 1}, [task("vzstop", ago_s=60)], "person"),
        ({"status": "paused"}, [], "unexplained"),
        ({"status": "paused"}, [task("qmsuspend", ago_s=60)], "person"),
        (
            {"status": "paused"},
            [task("qmsuspend", ago_s=90), task("qmresume", ago_s=60)],
            "unexplained",
        ),
        ({"status": "suspended"}, [], "person"),
    ],
)
def test_other_states(changes: dict[str, Any], tasks: list[GuestTask], who: str) -> None:
    """A pause that no task explains may be a full disk; the HA manager's guests are its own."""
    assert by(*tasks, **changes) == who


def test_the_detail_names_who_and_when() -> None:
    """People see whom to ask."""
    facts = guest(status="stopped", tasks=[task("vzshutdown", ago_s=60)])
    stop = explain_guest(facts, reboots=[], now=T0)

    assert (stop.action, stop.detail) == ("shutdown", "vzshutdown by root@pam at 04:59")
