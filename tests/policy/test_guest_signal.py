from datetime import timedelta
from typing import Any

import pytest

from domain.guests import GuestTask
from domain.incident import Attempt
from domain.limits import Limits
from domain.remedy import Remedy, RemedyName
from nightshift.testing import T0, guest
from policy.guest_signal import guest_runtime
from policy.ladder import GuestScene, Track, build

MIB = 1024**2


def remedy(name: RemedyName, **changes: Any) -> Remedy:
    """That remedy for a guest in this state."""
    scene = GuestScene(facts=guest(**changes))
    return build([name], scene, Track(healed={}, failed={}), tried=[], limits=Limits()).rungs[0]


START = remedy("start_guest", status="stopped")
REBOOT = remedy("reboot_guest")
RAISE = remedy("raise_guest_memory")
UNKNOWN = {"result": "unknown"}
RESTARTED = GuestTask(
    upid="2", kind="vzstart", user="root@pam", started_at=T0, ended_at=T0 + timedelta(seconds=29)
)


def signal(one: Remedy, *, after_s: float = 30, attempt: Any = None, **changes: Any) -> str:
    """What is read so long after the act."""
    tried = Attempt.model_validate(
        {
            "number": 1,
            "remedy": one.name,
            "target": one.target,
            "result": "done",
            "detail": "",
            "started_at": T0,
            "finished_at": T0 + timedelta(seconds=2),
            **(attempt or {}),
        }
    )
    now = T0 + timedelta(seconds=after_s)
    found = guest_runtime(guest(**changes), one, tried, stable=timedelta(seconds=3), now=now)
    return f"{found.state} {found.detail}"


@pytest.mark.parametrize(
    ("one", "changes", "word"),
    [
        (START, {"uptime_s": 25.0}, "good nas is running"),
        (START, {"uptime_s": 2.0}, "bad up for 2 s only"),
        (START, {"uptime_s": None}, "good nas is running"),
        (START, {"uptime_s": 0.0}, "good nas is running"),
        (START, {"uptime_s": None, "after_s": 4}, "bad up for 2 s only"),
        (START, {"uptime_s": None, "tasks": [RESTARTED]}, "bad up for 1 s only"),
        (START, {"status": "unknown"}, "unknown nas: its node"),
        (START, {"status": "stopped"}, "bad fell again"),
        (START, {"status": "stopped", "after_s": 8}, "bad nas is stopped"),
        (START, {"status": "stopped", "ha_state": "started"}, "bad nas is stopped"),
        (START, {"status": "stopped", "task": "vzstart"}, "bad nas is stopped; task vzstart"),
        (START, {"status": "stopped", "attempt": UNKNOWN}, "bad nas is stopped"),
        (START, {"uptime_s": 0.1, "memory_usage": 510 * MIB}, "bad fell again: it runs, and 100%"),
        (START, {"uptime_s": 25.0, "lock": "backup"}, "bad nas is running, locked (backup)"),
        (REBOOT, {"uptime_s": 20.0}, "good"),
        (REBOOT, {"uptime_s": None}, "good"),
        (REBOOT, {"uptime_s": 86430.0}, "bad it has not rebooted yet"),
        (RAISE, {"memory_limit": 1024 * MIB}, "good"),
        (RAISE, {"memory_limit": 512 * MIB}, "bad its limit is not raised"),
        (
            RAISE,
            {"memory_limit": 1024 * MIB, "memory_usage": 1000 * MIB},
            "bad 98% of its memory is in use",
        ),
    ],
)
def test_what_proves_an_act(one: Remedy, changes: dict[str, Any], word: str) -> None:
    """Up and steady, since the act where it had to start; a status may lag behind its task."""
    assert signal(one, **changes).startswith(word)
