from typing import Any

import pytest

from domain.limits import Limits
from domain.remedy import LADDER, Precondition, Remedy, RemedyName
from nightshift.testing import container, guest
from policy.ladder import GuestScene, Scene, Track, build

MIB = 1024**2
NO_RECORD = Track(healed={}, failed={})


def rung(name: RemedyName, limits: Limits | None = None, /, **changes: Any) -> Remedy | None:
    """That remedy for a guest in this state, if it can be built."""
    scene = GuestScene(facts=guest(**changes))
    found = build([name], scene, NO_RECORD, tried=[], limits=limits or Limits()).rungs
    return found[0] if found else None


@pytest.mark.parametrize(
    ("name", "changes", "verbs"),
    [
        ("start_guest", {"status": "stopped"}, ["start_guest"]),
        ("start_guest", {"status": "running"}, None),
        ("start_guest", {"status": "unknown"}, None),
        ("start_guest", {"status": "paused"}, None),
        ("start_guest", {"status": "stopped", "template": True}, None),
        ("resume_guest", {"status": "paused"}, ["resume_guest"]),
        ("resume_guest", {"status": "suspended"}, ["resume_guest"]),
        ("resume_guest", {"status": "stopped"}, None),
        ("raise_guest_memory", {}, ["raise_guest_memory"]),
        ("raise_guest_memory", {"status": "stopped"}, ["raise_guest_memory", "start_guest"]),
        ("raise_guest_memory", {"kind": "vm"}, None),
        ("raise_guest_memory", {"memory_limit": 0}, None),
        ("raise_guest_memory", {"memory_limit": 8192 * MIB}, None),
        ("reboot_guest", {}, ["reboot_guest"]),
        ("reboot_guest", {"status": "stopped"}, None),
        ("wait", {}, []),
        ("escalate", {}, []),
    ],
)
def test_what_each_remedy_would_do(
    name: RemedyName, changes: dict[str, Any], verbs: list[str] | None
) -> None:
    """A remedy is offered in the states that it is for; a VM's memory waits for its next boot."""
    found = rung(name, **changes)

    assert ([one.verb for one in found.effects] if found else None) == verbs


def test_no_remedy_crosses_over() -> None:
    """Whatever a runbook names, containers get containers' remedies and guests get guests'."""
    web = container(status="exited")
    scenes = (Scene(facts=web, dependencies=[], dependents=[]), GuestScene(facts=guest()))
    names = [
        {one.name for one in build([*LADDER], scene, NO_RECORD, tried=[], limits=Limits()).rungs}
        for scene in scenes
    ]

    assert not any(name.endswith("guest") or "guest" in name for name in names[0])
    assert names[1] <= {"wait", "escalate", "raise_guest_memory", "reboot_guest"}


@pytest.mark.parametrize(
    ("limit", "cap", "size"),
    [(512, 8192, 1024), (64, 8192, 192), (6000, 8192, 8192), (512, 700, 700)],
)
def test_memory_is_doubled_within_the_cap(limit: int, cap: int, size: int) -> None:
    """At least 128 MiB more, never above the cap, in whole MiB."""
    limits = Limits(guest_memory_cap=cap * MIB)
    found = rung("raise_guest_memory", limits, memory_limit=limit * MIB)

    assert found
    assert found.effects[0].memory_bytes == size * MIB
    assert f"memory: {size}" in found.advice
    assert found.undo == f"pct set 101 --memory {limit}"


def test_effects_are_bound_to_number_configuration_and_status() -> None:
    """The precondition of a guest: its vmid, its configuration's digest, up or down."""
    facts = guest(status="stopped")
    found = rung("start_guest", status="stopped")

    assert found
    assert found.effects[0].precondition == Precondition(
        container_id="101", image_id="", config_digest=facts.config_digest, status_class="down"
    )
    assert (found.risk, found.reversible, found.touches) == ("low", True, ["lxc:pve1/101"])


def test_a_reboot_is_the_last_and_cannot_be_undone() -> None:
    """Least disruptive first, whatever the order of the candidates."""
    scene = GuestScene(facts=guest())
    found = build(
        ["reboot_guest", "raise_guest_memory"], scene, NO_RECORD, tried=[], limits=Limits()
    )

    assert [one.name for one in found.rungs] == ["raise_guest_memory", "reboot_guest"]
    assert (found.rungs[1].risk, found.rungs[1].reversible) == ("high", False)
