from typing import Any

import pytest

from domain.guests import GuestFacts, GuestInventory
from domain.limits import Limits
from domain.remedy import Effect, Precondition, Remedy, RemedyName, Verb
from nightshift.testing import container, guest, node
from policy.blast_guest import guest_blast

NAS = guest("nas", status="stopped")
LIMITS = Limits(docker_guests={"local": "lxc/101"})


def remedy(name: RemedyName = "start_guest", verb: Verb = "start_guest") -> Remedy:
    """A remedy for `nas`."""
    effect = Effect(verb=verb, target=NAS.target, precondition=Precondition.of(NAS))
    return Remedy(
        name=name,
        target=NAS.target,
        effects=[effect],
        risk="low",
        reversible=True,
        expect="",
        undo="",
    )


def reach(*others: GuestFacts, one: Remedy | None = None) -> str:
    """The reason, with these beside `nas`."""
    cluster = GuestInventory(nodes=[node()], guests=[NAS, *others])
    return guest_blast(one or remedy(), [container("web")], cluster, LIMITS)


def some(count: int, *, first: int = 200, **changes: Any) -> list[GuestFacts]:
    """So many guests."""
    return [guest(f"g{first + n}", id=str(first + n), **changes) for n in range(count)]


@pytest.mark.parametrize(
    ("down", "up", "common"),
    [(2, 1, True), (2, 2, True), (2, 3, False), (1, 0, False), (5, 9, False)],
)
def test_many_down_on_one_node_is_a_common_cause(down: int, up: int, common: bool) -> None:
    """With the target, three or more and over half of those that should run."""
    reason = reach(*some(down, status="stopped"), *some(up, first=300))

    assert reason.startswith("common cause") is common


@pytest.mark.parametrize("changes", [{"onboot": False}, {"template": True}, {"node": "pve2"}])
def test_who_does_not_count(changes: dict[str, Any]) -> None:
    """What is meant to be down, and what is down elsewhere, is no sign of it."""
    assert reach(*some(4, status="stopped", **changes)) == ""


def test_a_guest_full_of_life_is_not_rebooted() -> None:
    """Containers in it that are well would go down too."""
    assert "web" in reach(*some(3), one=remedy("reboot_guest", "reboot_guest"))
    assert reach(*some(3)) == ""
