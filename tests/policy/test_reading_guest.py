from datetime import timedelta

import pytest

from domain.guests import GuestTask
from nightshift.testing import T0, guest, node
from policy.ground import Bearer
from policy.reading_guest import (
    guest_data,
    host_data,
    node_data,
    short_of_memory,
    tasks_data,
)

MIB = 1024**2


def task(kind: str, ago_s: float) -> GuestTask:
    """A task that began so long ago."""
    began = T0 - timedelta(seconds=ago_s)
    return GuestTask(upid=f"{kind}{ago_s}", kind=kind, user="x", started_at=began, ended_at=began)


def test_the_share_of_memory() -> None:
    """Usage by limit; 0 where no limit is known."""
    assert guest_data(guest())["memory_ratio"] == 0.25
    assert guest_data(guest(memory_limit=0))["memory_ratio"] == 0.0


def test_an_uptime_that_is_not_told_is_left_out() -> None:
    """No condition on it holds then, whichever way it compares."""
    assert "uptime_s" not in guest_data(guest(uptime_s=None))
    assert "uptime_s" not in node_data(node(uptime_s=None))
    assert "uptime_s" not in host_data("local", node(uptime_s=None), node())


@pytest.mark.parametrize(
    ("usage", "kind", "status", "short"),
    [
        (500, "lxc", "running", True),
        (480, "lxc", "running", False),
        (500, "vm", "running", False),
        (500, "lxc", "stopped", False),
    ],
)
def test_short_of_memory(usage: int, kind: str, status: str, short: bool) -> None:
    """Only a container that runs: a VM's cache looks the same."""
    facts = guest(memory_usage=usage * MIB, kind=kind, status=status)

    assert short_of_memory(facts) is short


@pytest.mark.parametrize(
    ("bearer", "online", "up", "status"),
    [
        (guest(), True, True, "running"),
        (guest(status="stopped"), True, False, "stopped"),
        (guest(), False, False, "running"),
        (node(), True, True, "online"),
        (node(online=False), False, False, "offline"),
    ],
)
def test_whether_a_host_is_up(bearer: Bearer, online: bool, up: bool, status: str) -> None:
    """The guest must run and its node be online."""
    data = host_data("local", bearer, node(online=online))

    assert (data["up"], data["status"], data["docker_host"]) == (up, status, "local")


def test_counts_tasks_that_were_not_ours() -> None:
    """Starts and stops of the last ten minutes, without our own."""
    tasks = [task("vzstart", 30), task("vzstop", 60), task("vzstart", 120), task("vzstart", 700)]
    data = tasks_data(guest(tasks=tasks), ours=[T0 - timedelta(seconds=31)], now=T0)

    assert (data["starts"], data["dies"]) == (1, 1)
