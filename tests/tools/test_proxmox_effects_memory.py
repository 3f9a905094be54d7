"""The verb `raise_guest_memory`: never lower, told from when on, nobody's edit written over."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from domain.errors import Conflict, Permanent, Transient
from lab.cluster_parts import ClusterFault
from tests.proxmox_rig import QUICK, Rig, rig, shop


@pytest.fixture
async def shopped() -> AsyncIterator[Rig]:
    """The shop, all well."""
    async with rig() as made:
        yield made


@pytest.mark.parametrize(
    ("name", "fault", "when"),
    [
        ("web", None, "in effect at once"),
        ("web", "stopped", "at the next start"),
        ("db", None, "at the next reboot"),
        ("db", "stopped", "at the next start"),
    ],
)
async def test_memory_is_raised_and_told_from_when_on(
    shopped: Rig, name: str, fault: ClusterFault | None, when: str
) -> None:
    """A container has it live; a machine that runs only after a reboot."""
    if fault:
        shopped.cluster.break_(name, fault)

    done = await shopped.do(name, "raise_guest_memory", memory_mib=8192)

    assert done.result == "done"
    assert done.detail.startswith("memory is 8192 MiB, was ")
    assert done.detail.endswith(when)


async def test_a_reboot_applies_what_is_pending(shopped: Rig) -> None:
    """Raised, then rebooted: the machine has it."""
    await shopped.do("db", "raise_guest_memory", memory_mib=8192)
    before = await shopped.proxmox.guest(shopped.target("db"))
    await shopped.do("db", "reboot_guest")
    after = await shopped.proxmox.guest(shopped.target("db"))

    assert (before.memory_limit, after.memory_limit) == (2048 * 1024**2, 8192 * 1024**2)


@pytest.mark.parametrize("memory_mib", [256, 512])
async def test_memory_is_never_lowered(shopped: Rig, memory_mib: int) -> None:
    """What it has, or less, is nothing to do."""
    done = await shopped.do("web", "raise_guest_memory", memory_mib=memory_mib)

    assert (done.result, shopped.sent()) == ("already", [])


async def test_memory_that_is_pending_is_there_already(shopped: Rig) -> None:
    """The same again writes nothing."""
    await shopped.do("db", "raise_guest_memory", memory_mib=8192)

    again = await shopped.do("db", "raise_guest_memory", memory_mib=8192)

    assert (again.result, shopped.sent()) == ("already", ["raise_guest_memory db"])


async def test_bytes_are_rounded_up_to_the_api_s_mib(shopped: Rig) -> None:
    """Never less than was decided."""
    effect = shopped.effect("web", "raise_guest_memory")
    await shopped.proxmox.perform(effect.model_copy(update={"memory_bytes": 1024**3 + 1}))

    assert shopped.cluster.get("web").memory == 1025


async def test_a_configuration_that_changed_meanwhile_is_a_conflict(shopped: Rig) -> None:
    """Somebody else's edit is not written over."""
    stale = shopped.cluster.machinery.digest(shopped.cluster.get("web"))
    body = f'{{"data":{{"digest":"{stale}","memory":512}}}}'.encode()
    shopped.cluster.get("web").edits += 1
    shopped.standin.faults.add("lxc/101/config", method="GET", status=200, body=body)

    with pytest.raises(Conflict, match="detected modified configuration"):
        await shopped.do("web", "raise_guest_memory", memory_mib=1024)

    assert shopped.cluster.get("web").memory == 512


async def test_a_write_that_failed_is_looked_at(shopped: Rig) -> None:
    """A 500 on a write without a task: what the configuration says then is what counts."""
    shopped.standin.faults.add("lxc/101/config", method="PUT", status=500)

    with pytest.raises(Permanent, match=r"raise the memory of 'web'.*500 injected"):
        await shopped.do("web", "raise_guest_memory", memory_mib=1024)


async def test_a_write_whose_answer_is_lost_is_unknown(shopped: Rig) -> None:
    """It took place, but we cannot say so."""
    shopped.standin.faults.add("lxc/101/config", method="PUT", disconnect="after")

    with pytest.raises(Transient):
        await shopped.do("web", "raise_guest_memory", memory_mib=1024)

    assert shopped.sent() == ["raise_guest_memory web"]


async def test_too_little_memory_stops_a_container_until_it_is_raised() -> None:
    """Started, it dies again; raised and started, it stays."""
    async with rig(shop(QUICK)) as made:
        made.cluster.break_("web", "oom")
        await asyncio.sleep(0.3)
        await made.do("web", "raise_guest_memory", memory_mib=1024)
        await made.do("web", "start_guest")
        await asyncio.sleep(0.3)

        assert made.cluster.is_well("web")
        assert made.cluster.get("web").oom_kills == 1
