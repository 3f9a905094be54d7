"""The proactive look at guests, over the real store and a world of fakes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.errors import Transient
from domain.incident import Incident
from nightshift.check import Check
from nightshift.testing import FakeGuests, World, firing, guest, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """`nas` (lxc/101) and `router` (qemu/100), both well."""
    async with open_world(tmp_path) as world:
        world.guests = FakeGuests(world.clock, guest(), guest("router", kind="vm", id="100"))
        yield world


def cluster(world: World) -> FakeGuests:
    """Its cluster."""
    assert world.guests
    return world.guests


async def check(world: World) -> list[Incident]:
    """What one round raises."""
    raised = (await Check(world.store, world.deps).run())["raised"]
    assert isinstance(raised, list)
    return [await world.store.incident(str(one)) for one in raised]


async def test_all_well_raises_nothing(world: World) -> None:
    """Both guests are looked at."""
    found = await Check(world.store, world.deps).run()

    assert found == {"raised": [], "looked_at": 2, "problems": {}}


async def test_a_guest_that_ended_is_raised_once(world: World) -> None:
    """However many rounds see it, it is one incident, whose labels name exactly one guest."""
    cluster(world).crash("router")
    (incident,) = await check(world)
    world.clock.advance(300)

    assert await check(world) == []
    assert incident.alert.labels == {
        "alertname": "GuestDown", "severity": "critical",
        "id": "qemu/100", "name": "router", "node": "pve1",
    }  # fmt: skip
    assert incident.alert.source == "check"
    assert incident.alert.summary == "router: it ended, and no task of Proxmox stopped it"


async def test_one_that_its_backup_left_down_is_raised(world: World) -> None:
    """During the backup it is nobody's business; afterwards it is missed."""
    cluster(world).begin_backup("nas")
    during = await check(world)
    cluster(world).end_backup("nas", start=False)

    assert during == []
    assert len(await check(world)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"onboot": False},
        {"template": True},
        {"lock": "snapshot"},
        {"ha_state": "started"},
        {"tags": []},
        {"status": "paused"},
        {"status": "unknown"},
    ],
)
async def test_what_is_not_missed(world: World, changes: dict[str, object]) -> None:
    """Meant to be down, in somebody's hands, out of scope, or not known to be down."""
    cluster(world).crash("nas")
    cluster(world).change("nas", **changes)

    assert await check(world) == []


async def test_a_persons_stop_is_respected(world: World) -> None:
    """A shutdown in the task log: nobody is told what somebody did."""
    cluster(world).stop("nas")

    assert await check(world) == []


async def test_an_incident_from_outside_is_enough(world: World) -> None:
    """A guest that is being worked on is not raised a second time."""
    cluster(world).crash("nas")
    incident = await world.accept(firing("GuestDown", id="lxc/101"))
    await world.store.update(incident, target=guest().target)

    assert await check(world) == []


async def test_what_ended_without_success_is_not_raised_again(world: World) -> None:
    """The same absence, escalated: a person knows."""
    cluster(world).crash("nas")
    incident = await world.accept(firing("GuestDown", id="lxc/101"))
    await world.store.update(incident, target=guest().target)
    await world.store.finish(incident, "escalated", "", None)

    assert await check(world) == []


async def test_after_a_good_end_the_next_one_is_new(world: World) -> None:
    """It was healed, and ended again: another incident."""
    cluster(world).crash("nas")
    (first,) = await check(world)
    await world.store.update(first.id, target=guest().target)
    await world.store.finish(first.id, "resolved", "", None)
    world.clock.advance(60)
    cluster(world).task("nas", "vzstart")
    world.clock.advance(60)

    assert len(await check(world)) == 1


async def test_a_guest_that_cannot_be_read_is_a_problem(world: World) -> None:
    """It is told, and nothing is raised on a guess."""
    cluster(world).crash("nas")
    cluster(world).errors["guest"] = Transient("Proxmox did not answer")
    found = await Check(world.store, world.deps).run()

    assert found["raised"] == []
    assert found["problems"] == {"proxmox lxc/101": "Proxmox did not answer"}


async def test_a_cluster_out_of_reach_is_a_problem(world: World) -> None:
    """With the name and the reason that the cluster gives."""
    cluster(world).unreachable["pve1"] = "no route"

    assert (await Check(world.store, world.deps).run())["problems"] == {"proxmox pve1": "no route"}
