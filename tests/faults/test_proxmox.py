"""Proxmox down, slow and lying, over HTTPS, against the real adapter."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.deps import Deps
from domain.incident import Incident
from lab.cluster import ClusterPace
from memory.store import Store, open_store
from nightshift.clock import SystemClock
from nightshift.testing import DictMemory, FakeContainers, StillClock
from tests.faults.houses import down, handed_over, lying, slow
from tests.graph.test_cluster import QUICK, Desk
from tests.proxmox_rig import Rig, rig, shop
from tools.runbooks import load

GUEST = r"/lxc/101"


async def opened(lab: Rig, store: Store) -> Desk:
    """The whole graph over this cluster."""
    deps = Deps(
        clock=SystemClock(),
        containers=FakeContainers(StillClock()),
        metrics=None,
        ledger=store,
        memory=DictMemory(),
        rulebook=load(),
        limits=QUICK,
        guests=lab.proxmox,
    )
    return Desk(lab, store, deps)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """An empty one."""
    async with open_store(tmp_path, clock=SystemClock(), channels=("console",)) as store:
        yield store


def stopped(lab: Rig) -> None:
    """`web` (lxc/101) is down and nobody did it."""
    lab.cluster.break_("web", "stopped")


async def ended(lab: Rig, store: Store) -> Incident:
    """The end of an alert about it."""
    return await (await opened(lab, store)).end(id="lxc/101")


async def degraded(store: Store, row: Incident) -> str:
    """What the incident's evidence says was silent."""
    events = await store.timeline(row.id)
    return str([one.data.get("degraded") for one in events if one.kind == "evidence"])


async def test_down(store: Store) -> None:
    """Escalated with the reason and seen in the story; nothing is sent; back, it heals."""
    async with rig() as lab:
        stopped(lab)
        down(lab.standin.faults)
        row = await ended(lab, store)
        lab.standin.faults.clear()
        sent, again = lab.sent(), await ended(lab, store)

    assert handed_over(row)
    assert "Proxmox out of reach" in row.reason
    assert "Proxmox" in await degraded(store, row)
    assert (sent, again.outcome, lab.sent()) == ([], "resolved", ["start_guest web"])


async def test_slow(store: Store) -> None:
    """What does not answer in time is out of reach."""
    async with rig(timeout_s=0.3) as lab:
        stopped(lab)
        slow(lab.standin.faults, by_s=1.0)
        row = await ended(lab, store)
        lab.standin.faults.clear()

    assert handed_over(row)
    assert "Proxmox out of reach" in row.reason
    assert lab.sent() == []


async def test_lies_that_a_task_goes_on(store: Store) -> None:
    """A task that never ends heals nothing, and is never sent again."""
    pace = ClusterPace(task_s=3600, ha_s=0.1, oom_s=0.1, backup_s=60.0)
    async with rig(shop(pace), task_timeout_s=0.3) as lab:
        stopped(lab)
        row = await ended(lab, store)

    assert handed_over(row)
    assert len(list(lab.standin.faults.seen("/status/start"))) == 1
    assert all(attempt.verdict != "healed" for attempt in row.attempts)


@pytest.mark.parametrize("path", ["/cluster/resources", "/nodes$", GUEST])
@pytest.mark.parametrize("body", [b"<html>hello</html>", b'{"data":[7]}'])
async def test_lies_with_garbage(store: Store, path: str, body: bytes) -> None:
    """A 200 that is not what its API gives is no evidence, wherever it is met."""
    async with rig() as lab:
        stopped(lab)
        lying(lab.standin.faults, path, body)
        row = await ended(lab, store)

    assert handed_over(row)
    assert lab.sent() == []


async def test_lies_with_garbage_in_a_list(store: Store) -> None:
    """A node's list is none: the guest is asked itself, and what it says is acted on."""
    async with rig() as lab:
        stopped(lab)
        lying(lab.standin.faults, r"/nodes/pve1/lxc$", b"<html>hello</html>")
        row = await ended(lab, store)

    assert (row.outcome, lab.sent()) == ("resolved", ["start_guest web"])
    assert "Proxmox" in await degraded(store, row)


async def test_lies_in_its_list(store: Store) -> None:
    """The cluster's list calls it stopped; looked at itself it runs: nothing is started."""
    async with rig() as lab:
        row_of = b'{"data":[{"vmid":101,"name":"web","status":"stopped","type":"lxc"}]}'
        lying(lab.standin.faults, r"/nodes/pve1/lxc$", row_of)
        row = await ended(lab, store)

    assert lab.sent() == []
    assert row.outcome in {"self_resolved", "escalated"}
