"""What is observed of guests and nodes."""

import pytest

from domain.errors import Transient
from domain.evidence import Evidence
from domain.guests import GuestInventory
from domain.metrics import Answer, Sample
from domain.target import Target
from nightshift.testing import T0, FakeGuests, World, firing, guest, node
from nodes.observe import observe
from nodes.reach import survey
from tests.nodes.steps import Begin


@pytest.fixture
def cluster(world: World) -> FakeGuests:
    """`nas` (lxc/101) and `mail` (lxc/102) on `pve1`."""
    world.guests = FakeGuests(world.clock, guest(), guest("mail", id="102"))
    return world.guests


async def seen(world: World, target: Target, *, round_: int = 1) -> dict[str, Evidence]:
    """One round about that target, by kind."""
    docker, found = await survey(world.deps)
    evidence = await observe(
        world.deps,
        alert=firing("GuestDown", id=target.path),
        target=target,
        everyone=docker.containers,
        cluster=found,
        round_=round_,
        tried=["wait"],
    )
    return {one.kind: one for one in evidence}


async def test_every_source_is_asked(world: World, cluster: FakeGuests) -> None:
    """One observation of every kind that applies to a guest."""
    evidence = await seen(world, cluster["nas"].target)

    assert {kind: one.status for kind, one in evidence.items()} == {
        "alert": "ok", "cluster": "ok", "inventory": "ok", "node": "ok", "attempts": "ok",
        "probe": "no_data", "expression": "ok", "guest_scene": "ok", "guest": "ok", "stop": "ok",
        "events": "ok", "memory_peak": "no_data",
    }  # fmt: skip


async def test_a_node_has_no_scene(world: World, cluster: FakeGuests) -> None:
    """There is nothing to build a remedy from."""
    evidence = await seen(world, node().target)

    assert evidence["node"].data["online"] is True
    assert not {"guest", "guest_scene", "stop"} & set(evidence)


async def test_a_guest_that_cannot_be_read_is_an_error(world: World, cluster: FakeGuests) -> None:
    """What rests on its facts says so; the rest is there."""
    cluster.errors["guest"] = Transient("Proxmox did not answer")
    evidence = await seen(world, cluster["nas"].target)
    broken = {kind for kind, one in evidence.items() if one.status == "error"}

    assert broken == {"guest_scene", "guest", "stop", "events", "memory_peak"}
    assert evidence["guest"].summary == "Proxmox did not answer"


async def test_a_silent_proxmox_ends_by_the_deadline(world: World, cluster: FakeGuests) -> None:
    """Nobody waits longer for one source."""
    target = cluster["nas"].target
    cluster.silent = {"guest", "inventory"}
    world.limit(evidence_deadline_s=0.05)

    assert "no answer from Proxmox in time" in (await seen(world, target))["guest"].summary


async def test_the_busy_are_told_as_such(world: World, cluster: FakeGuests) -> None:
    """Lock and task stand in the summary."""
    cluster.begin_backup("nas")
    evidence = await seen(world, cluster["nas"].target)

    assert evidence["guest"].summary == "stopped, locked (backup), task vzdump runs"


async def test_the_stop_is_explained_from_the_log(world: World, cluster: FakeGuests) -> None:
    """Who stopped it, by the tasks of this look."""
    cluster.stop("nas", user="ada@pam")
    evidence = await seen(world, cluster["nas"].target)

    assert evidence["stop"].data["by"] == "person"
    assert "ada@pam" in evidence["stop"].summary


async def test_neighbours_that_are_down_are_looked_at(world: World, cluster: FakeGuests) -> None:
    """Where the listing does not tell whether they start on boot, each is asked."""
    cluster.crash("mail")
    dim = cluster["mail"].model_copy(update={"onboot": False, "config_digest": ""})
    everyone = GuestInventory(nodes=[node()], guests=[cluster["nas"], dim])
    evidence = await observe(
        world.deps,
        alert=firing(id="lxc/101"),
        target=cluster["nas"].target,
        everyone=[],
        cluster=everyone,
        round_=1,
        tried=[],
    )
    kept = next(one for one in evidence if one.kind == "cluster")

    guests = GuestInventory.model_validate(kept.data).guests

    assert [(one.target.name, one.onboot) for one in guests] == [("mail", True), ("nas", True)]


@pytest.mark.parametrize(
    ("values", "ages", "state"),
    [
        ([], [], "no_data"),
        ([0, 0], [5, 5], "bad"),
        ([0, 1], [5, 5], "good"),
        ([0, 1], [5, 500], "bad"),
        ([1], [500], "unknown"),
    ],
)
async def test_one_good_probe_proves_a_guest(
    world: World, cluster: FakeGuests, values: list[float], ages: list[float], state: str
) -> None:
    """It is bad only where all fresh probes of its name fail, and unknown where none is fresh."""
    assert world.metrics
    known = [{"instance": f"nas:{port}"} for port in range(len(values))]
    world.metrics.answers = {
        "probe_success": Answer(
            query="",
            samples=[Sample(labels=k, value=v, at=T0) for k, v in zip(known, values, strict=True)],
        ),
        "timestamp(probe_success)": Answer(
            query="",
            samples=[
                Sample(labels=k, value=T0.timestamp() - age, at=T0)
                for k, age in zip(known, ages, strict=True)
            ],
        ),
    }
    probe = (await seen(world, cluster["nas"].target))["probe"]

    assert (probe.data["state"] if probe.status == "ok" else probe.status) == state


async def test_the_peak_outlives_the_container(world: World, cluster: FakeGuests) -> None:
    """Stopped, it uses nothing; Prometheus knows how full it was."""
    assert world.metrics
    cluster.crash("nas")
    query = 'max_over_time(pve_memory_usage_bytes{id="lxc/101"}[300s])'
    full = Sample(labels={"id": "lxc/101"}, value=0.98 * 512 * 1024**2, at=T0)
    world.metrics.answers = {query: Answer(query=query, samples=[full])}
    peak = (await seen(world, cluster["nas"].target))["memory_peak"]

    assert peak.data["ratio"] == pytest.approx(0.98)


async def test_without_proxmox_there_is_no_guest(world: World, begin: Begin) -> None:
    """A checkpoint of when it was configured: told as an error, not raised."""
    evidence = await seen(world, guest().target)

    assert evidence["guest"].summary == "no PROXMOX_HOST is set"
