"""The simulated cluster breaks and is cured as Proxmox is."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from lab.cluster import Cluster, ClusterRefusal
from lab.cluster_parts import ClusterFault
from tests.proxmox_rig import shop

US = "agent@pve!nightshift"


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    """The shop, all well, everything quick."""
    made = shop()
    yield made
    await made.aclose()


async def until(good: Callable[[], bool]) -> None:
    """Wait until it is so, five seconds at most."""
    async with asyncio.timeout(5):
        while not good():  # noqa: ASYNC110  # the cluster tells nobody
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("name", "fault", "tasks"),
    [
        ("web", "stopped", []),
        ("web", "stopped_by_person", ["vzshutdown"]),
        ("db", "stopped_by_person", ["qmshutdown"]),
        ("db", "paused", []),
        ("db", "paused_by_person", ["qmpause"]),
        ("web", "locked", ["vzdump"]),
        ("web", "backup_stop", ["vzdump"]),
        ("db", "ha_stopped", []),
        ("db", "ha_error", []),
        ("web", "unstartable", []),
        ("web", "memory_full", []),
    ],
)
async def test_each_fault_leaves_its_trace(
    cluster: Cluster, name: str, fault: ClusterFault, tasks: list[str]
) -> None:
    """Not well; and a task only where somebody did it."""
    cluster.break_(name, fault)

    assert not cluster.is_well(name)
    assert [task.kind for task in cluster.tasks] == tasks


async def test_too_little_memory_kills_again_and_again(cluster: Cluster) -> None:
    """Full for a moment, then down; a start alone does not help."""
    web = cluster.get("web")
    cluster.break_("web", "oom")
    full = cluster.usage(web)
    await until(lambda: not web.running)
    cluster.machinery.start(web, US)
    await until(lambda: web.oom_kills == 2)

    assert full == web.memory * 1024**2
    assert not web.running


async def test_more_memory_cures_it(cluster: Cluster) -> None:
    """Raised, then started."""
    web = cluster.get("web")
    cluster.break_("web", "oom")
    await until(lambda: not web.running)
    cluster.machinery.set_memory(web, 1024)
    cluster.machinery.start(web, US)
    await until(lambda: web.running)
    await asyncio.sleep(0.2)

    assert cluster.is_well("web")


async def test_a_backup_ends_and_brings_its_guest_back(cluster: Cluster) -> None:
    """In stop mode it is down as long as the lock is held."""
    cluster.break_("web", "backup_stop", for_s=0.1)
    held = (cluster.get("web").running, cluster.get("web").lock)
    await until(lambda: cluster.is_well("web"))

    assert held == (False, "backup")
    assert cluster.tasks[0].exit == "OK"


async def test_a_node_takes_its_guests_with_it(cluster: Cluster) -> None:
    """Back again, only those come up that are set to."""
    cluster.break_("pve2", "node_offline")
    lost = [cluster.is_well("cache"), cluster.is_well("win"), cluster.is_well("web")]
    cluster.bring_back("pve2")

    assert lost == [False, False, True]
    assert [cluster.is_well("cache"), cluster.is_well("win")] == [False, True]


async def test_a_machine_gets_its_pending_memory_at_its_next_start(cluster: Cluster) -> None:
    """A running one keeps what it has until then."""
    db = cluster.get("db")
    cluster.machinery.set_memory(db, 4096)
    before = db.memory
    cluster.machinery.reboot(db, US)
    await until(lambda: db.pending is None)

    assert (before, db.memory) == (2048, 4096)


async def test_the_ha_manager_takes_its_turn(cluster: Cluster) -> None:
    """The task ends before the guest is up."""
    db = cluster.get("db")
    cluster.break_("db", "ha_stopped")
    task = cluster.machinery.start(db, US)
    await until(lambda: task.exit == "OK")
    queued = db.running
    await until(lambda: db.running)

    assert (queued, task.kind) == (False, "hastart")


async def test_an_ha_guest_in_error_is_not_started(cluster: Cluster) -> None:
    """A person has to clear it."""
    cluster.break_("db", "ha_error")
    cluster.machinery.start(cluster.get("db"), US)
    await asyncio.sleep(0.3)

    assert not cluster.get("db").running


async def test_what_proxmox_refuses_at_once(cluster: Cluster) -> None:
    """Its own words, a slip of theirs included."""
    web, db, machinery = cluster.get("web"), cluster.get("db"), cluster.machinery
    cluster.break_("db", "paused")
    with pytest.raises(ClusterRefusal, match="CT 101 already running"):
        machinery.start(web, US)
    cluster.break_("web", "stopped")
    with pytest.raises(ClusterRefusal, match="VM 101 not running"):
        machinery.reboot(web, US)
    with pytest.raises(ClusterRefusal, match="CT 101 not running"):
        machinery.stop(web, US, gently=True)

    with pytest.raises(ClusterRefusal, match="VM is paused - cannot shutdown"):
        machinery.reboot(db, US)


async def test_what_proxmox_refuses_in_the_task(cluster: Cluster) -> None:
    """A machine that runs, a lock, a template: the task says so at its end."""
    machinery = cluster.machinery
    cluster.break_("web", "backup_stop")
    cluster.get("cache").template = True
    cluster.break_("cache", "stopped")
    tasks = [machinery.start(cluster.get(name), US) for name in ("db", "web", "cache")]
    await until(lambda: all(task.exit for task in tasks))

    assert [task.exit for task in tasks] == [
        "VM 102 already running",
        "CT is locked (backup)",
        "you can't start a CT if it's a template",
    ]


async def test_stopping_a_machine_that_is_down_succeeds(cluster: Cluster) -> None:
    """Unlike a container's."""
    cluster.break_("db", "stopped")
    task = cluster.machinery.stop(cluster.get("db"), US, gently=False)
    await until(lambda: bool(task.exit))

    assert (task.kind, task.exit) == ("qmstop", "OK")


async def test_vmids_are_unique(cluster: Cluster) -> None:
    """Each guest gets the next number."""
    assert sorted(cluster.guests) == [101, 102, 103, 104]
    with pytest.raises(KeyError):
        cluster.get("nobody")
