"""monitor, where guests and nodes lie below."""

import pytest

from domain.errors import Transient
from nightshift.testing import FakeGuests, World, container, firing, guest
from nodes.monitor import monitor
from tests.nodes.steps import Begin, Run, Words


@pytest.fixture
def cluster(world: World) -> FakeGuests:
    """Docker `local` runs in `nas` (lxc/101)."""
    world.limit(docker_guests={"local": "lxc/101"})
    world.guests = FakeGuests(world.clock, guest())
    return world.guests


async def test_the_guest_is_claimed_in_its_containers_stead(
    world: World, cluster: FakeGuests, begin: Begin, run: Run, told: Words
) -> None:
    """Docker is silent and its guest stopped: the guest is the target, and people read why."""
    cluster.crash("nas")
    world.containers.unreachable["local"] = "no route"
    state = await run(await begin(), monitor)

    assert await world.store.holder("lxc:pve1/101") == state["incident"]
    assert "Docker on local is out of reach" in (await told(state, "evidence"))[0]


async def test_back_on_its_container_nothing_old_is_cited(
    world: World, cluster: FakeGuests, begin: Begin, run: Run
) -> None:
    """With the guest up again the container is the target; the guest's evidence is not its own."""
    cluster.crash("nas")
    world.containers.unreachable["local"] = "no route"
    first = await run(await begin(), monitor)
    cluster.change("nas", status="running")
    world.containers.unreachable.clear()
    world.containers.crash("web")
    again = await run(first, monitor)

    assert "guest@1" in first["evidence"]
    assert {one.partition("@")[2] for one in again["evidence"]} == {"2"}
    assert again["target"] == world.containers["web"].target.plain()


async def test_both_kinds_of_silence_are_named(
    world: World, cluster: FakeGuests, begin: Begin, run: Run
) -> None:
    """What could not be asked may be where the target is."""
    world.containers.unreachable["local"] = "no route"
    cluster.errors["inventory"] = Transient("refused")
    state = await run(await begin(firing(name="gone")), monitor)

    assert state["reason"] == (
        "no container, guest or node answers to the alert's labels (name=gone); "
        "Docker out of reach on local: no route; Proxmox out of reach on Proxmox: refused"
    )


async def test_two_guests_of_a_name_are_nobody(
    world: World, cluster: FakeGuests, begin: Begin, run: Run
) -> None:
    """Both are named by number and node."""
    world.guests = FakeGuests(world.clock, guest("mail", id="102"), guest("mail", id="103"))
    state = await run(await begin(firing(name="mail")), monitor)

    assert state["target"] is None
    assert "mail (lxc/102 on pve1), mail (lxc/103 on pve1)" in state["reason"]


async def test_a_guest_that_runs_is_left_alone(
    world: World, cluster: FakeGuests, begin: Begin, run: Run
) -> None:
    """Recovered by itself: no claim, no word."""
    state = await run(await begin(firing("GuestDown", id="lxc/101")), monitor)

    assert state["outcome"] == "self_resolved"
    assert await world.store.holder("lxc:pve1/101") is None


async def test_a_container_that_is_well_keeps_its_own_incident(
    world: World, cluster: FakeGuests, begin: Begin, run: Run
) -> None:
    """Nothing is looked for below a container that runs."""
    cluster.crash("nas")
    world.containers.add(container("web"))
    state = await run(await begin(), monitor)

    assert state["target"] == world.containers["web"].target.plain()
