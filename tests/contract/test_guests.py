"""The port `Guests` over Proxmox: one suite for the stand-in and for a real cluster."""

import os
from collections.abc import AsyncIterator

import pytest

from domain.errors import Conflict, NotFound
from domain.ports import Guests, Performed
from domain.remedy import Effect, Precondition, Verb
from domain.target import Kind, Target
from tests.contract.proxmox_grounds import Ground, real_ground, seen, standin_ground

REAL = os.environ.get("NIGHTSHIFT_TEST_PROXMOX", "")  # noqa: TID251  # a switch of the tests
MISSING = (
    "NIGHTSHIFT_TEST_PROXMOX is not set (JSON with host, user, token_value, ca, and lxc and vm as "
    "node/vmid/name of guests that may be broken)"
)
BOTH: list[Kind] = ["lxc", "vm"]


@pytest.fixture(
    params=["standin", pytest.param("real", marks=pytest.mark.skipif(not REAL, reason=MISSING))]
)
async def ground(request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    """The suite's ground."""
    if request.param == "standin":
        async with standin_ground() as made:
            yield made
        return
    async with real_ground(REAL) as real:
        yield real


async def do(ground: Ground, target: Target, verb: Verb, *, memory: int = 0) -> Performed:
    """One change to this guest as it is now."""
    before = Precondition.of(await ground.guests.guest(target))
    effect = Effect(verb=verb, target=target, precondition=before, memory_bytes=memory)
    return await ground.guests.perform(effect)


async def test_it_is_the_port(ground: Ground) -> None:
    """ProxmoxCluster has everything that nodes ask of guests."""
    assert isinstance(ground.guests, Guests)


@pytest.mark.parametrize("kind", BOTH)
async def test_the_inventory_holds_what_a_look_at_one_says(ground: Ground, kind: Kind) -> None:
    """Same guest, same name, status, digest; its node is online."""
    target = ground.target(kind)

    found, one = await ground.guests.inventory(), await ground.guests.guest(target)

    (listed,) = [facts for facts in found.guests if facts.target == target]
    assert (listed.status, listed.config_digest) == (one.status, one.config_digest)
    assert [node.online for node in found.nodes if node.target.name == target.host] == [True]
    assert found.unreachable == {}


@pytest.mark.parametrize("kind", BOTH)
async def test_a_running_guest_has_its_facts(ground: Ground, kind: Kind) -> None:
    """Sizes in bytes, and a start in the past."""
    facts = await ground.guests.guest(ground.target(kind))

    assert (facts.status, facts.lock, facts.template) == ("running", "", False)
    assert 0 < facts.memory_usage <= facts.memory_limit
    assert facts.started_at is not None
    assert facts.config_digest


@pytest.mark.parametrize("kind", BOTH)
async def test_a_stopped_guest_is_started_once(ground: Ground, kind: Kind) -> None:
    """Done when its task has ended; asked again it is running already."""
    target = ground.target(kind)
    await ground.stop(target)

    first, second = (
        await do(ground, target, "start_guest"),
        await do(ground, target, "start_guest"),
    )

    assert (first.result, second.result) == ("done", "already")
    assert (await ground.guests.guest(target)).running


@pytest.mark.parametrize("kind", BOTH)
async def test_a_stop_is_in_the_tasks_with_its_user(ground: Ground, kind: Kind) -> None:
    """Who did it decides what may be done."""
    target = ground.target(kind)
    await ground.stop(target)

    last = (await ground.guests.guest(target)).tasks[0]

    assert "stop" in last.kind or "shutdown" in last.kind
    assert "@" in last.user
    assert last.ended_at is not None


@pytest.mark.parametrize("kind", BOTH)
async def test_a_reboot_begins_anew(ground: Ground, kind: Kind) -> None:
    """Running, with a shorter uptime."""
    target = ground.target(kind)
    before = await ground.guests.guest(target)

    done = await do(ground, target, "reboot_guest")

    after = await seen(ground, target, lambda facts: facts.running)
    assert done.result == "done"
    assert (after.uptime_s or 0) < (before.uptime_s or 0) + 1


@pytest.mark.parametrize("kind", BOTH)
async def test_a_reboot_of_what_is_down_is_a_conflict(ground: Ground, kind: Kind) -> None:
    """It is not a start."""
    target = ground.target(kind)
    await ground.stop(target)

    with pytest.raises(Conflict):
        await do(ground, target, "reboot_guest")


async def test_a_paused_machine_goes_on(ground: Ground) -> None:
    """Paused is seen as such, and resume ends it."""
    target = ground.target("vm")
    await ground.pause(target)
    paused = await ground.guests.guest(target)

    done = await do(ground, target, "resume_guest")

    assert (paused.status, done.result) == ("paused", "done")
    assert (await ground.guests.guest(target)).running


async def test_memory_of_a_container_is_raised_live(ground: Ground) -> None:
    """At once, and the digest does not change."""
    target = ground.target("lxc")
    before = await ground.guests.guest(target)
    wanted = before.memory_limit + 64 * 1024**2

    done = await do(ground, target, "raise_guest_memory", memory=wanted)

    after = await ground.guests.guest(target)
    assert "in effect at once" in done.detail
    assert (after.memory_limit, after.config_digest) == (wanted, before.config_digest)


async def test_memory_of_a_running_machine_waits(ground: Ground) -> None:
    """Until its next reboot, and it is said so."""
    target = ground.target("vm")
    before = await ground.guests.guest(target)
    wanted = before.memory_limit + 256 * 1024**2

    done = await do(ground, target, "raise_guest_memory", memory=wanted)

    assert "at the next reboot" in done.detail
    assert (await ground.guests.guest(target)).memory_limit == before.memory_limit


@pytest.mark.parametrize("kind", BOTH)
async def test_a_locked_guest_is_left_alone(ground: Ground, kind: Kind) -> None:
    """A backup has it."""
    target = ground.target(kind)
    await ground.lock(target)

    with pytest.raises(Conflict, match="nothing was done"):
        await do(ground, target, "reboot_guest")


@pytest.mark.parametrize("kind", BOTH)
async def test_nobody_is_not_found(ground: Ground, kind: Kind) -> None:
    """A number that no guest has."""
    nobody = ground.target(kind).model_copy(update={"id": "999999998"})

    with pytest.raises(NotFound):
        await ground.guests.guest(nobody)
