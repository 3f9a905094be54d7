"""Incidents of guests over the real adapter and a simulated cluster, by HTTPS and in real time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from domain.deps import Deps
from domain.incident import Incident
from domain.limits import Limits
from lab.cluster import ClusterFault, ClusterPace
from memory.store import Store, open_store
from nightshift.checkpoints import strict_serde
from nightshift.clock import SystemClock
from nightshift.runs import Runs
from nightshift.testing import DictMemory, FakeContainers, StillClock, firing
from tests.proxmox_rig import Rig, rig, shop
from tools.runbooks import load

OOM_S = 1.0
QUICK = Limits(
    scope={"x": ""},
    guest_scope=["*"],
    verify_for_s=0.6,
    verify_guest_for_s=4.0,
    verify_poll_s=0.1,
    stable_for_s=0.2,
    settle_s=0.5,
)


class Desk:
    """Takes alerts about the cluster and sees them through."""

    def __init__(self, rig: Rig, store: Store, deps: Deps) -> None:
        self.rig, self._store = rig, store
        self._runs = Runs(store, deps, InMemorySaver(serde=strict_serde()))

    async def end(self, alertname: str = "GuestDown", /, **labels: str) -> Incident:
        """The incident of an alert that names this, once it is done or asks somebody."""
        now = firing(alertname, **labels).model_copy(update={"starts_at": SystemClock().now()})
        incident = (await self._store.accept([now]))[0]
        for _ in range(60):
            job = await self._store.take()
            if job:
                await self._runs.drive(job.incident)
                await self._store.done(job)
            row = await self._store.incident(incident)
            if row.status == "done" or await self._store.pending_approval(incident):
                return row
            await self._store.wait_change(None, timeout=0.2)
        raise AssertionError(f"it did not end: {row}")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """`web` (lxc/101) and `db` (qemu/102) on pve1, `cache` and `win` on pve2."""
    clock = SystemClock()
    async with (
        rig(shop(ClusterPace(task_s=0.05, ha_s=0.1, oom_s=OOM_S, backup_s=60.0))) as lab,
        open_store(tmp_path, tenant="default", clock=clock, channels=("console",)) as store,
    ):
        deps = Deps(
            clock=clock,
            containers=FakeContainers(StillClock()),
            metrics=None,
            ledger=store,
            memory=DictMemory(),
            rulebook=load(),
            limits=QUICK,
            guests=lab.proxmox,
        )
        yield Desk(lab, store, deps)


@pytest.mark.parametrize(
    ("name", "path", "fault", "outcome", "sent"),
    [
        ("web", "lxc/101", "stopped", "resolved", ["start_guest web"]),
        ("db", "qemu/102", "stopped", "resolved", ["start_guest db"]),
        ("web", "lxc/101", "memory_full", "resolved", ["raise_guest_memory web"]),
        ("web", "lxc/101", "stopped_by_person", None, []),
        ("db", "qemu/102", "paused_by_person", None, []),
        ("db", "qemu/102", "paused", None, []),
        ("web", "lxc/101", "locked", "self_resolved", []),
        ("web", "lxc/101", "backup_stop", "escalated", []),
        ("web", "lxc/101", "ha_error", "escalated", []),
        ("web", "lxc/101", "unstartable", "escalated", ["start_guest web"]),
    ],
)
async def test_faults_of_guests(
    desk: Desk, name: str, path: str, fault: ClusterFault, outcome: str | None, sent: list[str]
) -> None:
    """What is done is what each fault allows, and the end is what really came of it."""
    desk.rig.cluster.break_(name, fault)
    incident = await desk.end(id=path)

    assert (incident.outcome, desk.rig.sent()) == (outcome, sent)
    assert desk.rig.cluster.is_well(name) is (outcome == "resolved")


async def test_a_node_that_is_offline(desk: Desk) -> None:
    """Told once; its guests' alerts are part of that."""
    desk.rig.cluster.break_("pve1", "node_offline")
    first = await desk.end(instance="pve1:9100")
    victim = await desk.end(id="lxc/101")

    assert (first.outcome, victim.outcome, victim.parent) == ("escalated", "folded", first.id)
    assert desk.rig.sent() == []


@pytest.mark.parametrize("alertname", ["GuestDown", "LxcOutOfMemory"])
async def test_a_guest_that_needs_more_memory(desk: Desk, alertname: str) -> None:
    """Seen full after a start in vain, or told by the alert: raised, and it stays up."""
    desk.rig.cluster.break_("web", "oom")
    await asyncio.sleep(OOM_S * 2)
    incident = await desk.end(alertname, id="lxc/101")
    starts = desk.rig.sent().count("start_guest web")

    assert (incident.outcome, starts) == ("resolved", 1)
    assert "raise_guest_memory web" in desk.rig.sent()
    assert desk.rig.cluster.is_well("web")
