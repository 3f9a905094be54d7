"""Looks that only look."""

from datetime import timedelta

import pytest

from domain.errors import Transient
from domain.evidence import Evidence, situation
from domain.metrics import Answer, Sample
from domain.state import IncidentState
from domain.target import Target
from nightshift.testing import World, container
from nodes.monitor import monitor
from nodes.probes import PROBES, Sight, on_offer, take
from tests.nodes.steps import Begin, Run

MIB = 1024**2


@pytest.fixture
async def sight(world: World, begin: Begin, run: Run) -> Sight:
    """`web` crashed, `db` below it is ill."""
    world.containers.change("db", status="restarting")
    world.containers.crash("web")
    state: IncidentState = await run(await begin(), monitor)
    seen = await world.store.evidence(state["incident"], state["evidence"])
    return Sight(
        deps=world.deps,
        target=Target.parse(state["target"] or {}),
        kinds=situation(seen),
        now=world.clock.now(),
    )


async def taken(sight: Sight, name: str) -> Evidence:
    """What one probe saw."""
    (found,) = await take(sight, [name], round_=1)
    return found


def test_what_is_on_offer(sight: Sight) -> None:
    """All of them here, each with a line."""
    offered = on_offer(sight)

    assert [one.name for one in offered] == [one.id for one in PROBES]
    assert all(one.line for one in offered)


def test_of_a_guest_no_container_is_asked(sight: Sight) -> None:
    """A probe that can show nothing is not offered, and not taken."""
    guest = Target(kind="lxc", host="pve1", id="101", name="web", service="web")
    other = Sight(deps=sight.deps, target=guest, kinds={}, now=sight.now)

    assert on_offer(other) == []


async def test_unknown_ids_do_nothing(sight: Sight) -> None:
    """An id is all that a model contributes."""
    assert await take(sight, ["rm", "timeline; rm"], round_=1) == []


async def test_more_logs(world: World, sight: Sight) -> None:
    """Lines that sound wrong, from further back than the first look went."""
    world.containers.said["web"] = ["ERROR early", *["fine"] * 90]
    found = await taken(sight, "more_logs")

    assert (found.id, found.source, found.status) == ("more_logs@1", "docker", "ok")
    assert found.data == {"lines": ["ERROR early"]}


async def test_logs_of_ill_dependencies(world: World, sight: Sight) -> None:
    """Only of those that are not well."""
    world.containers.said["db"] = ["disk gone"]
    found = await taken(sight, "dependency_logs")

    assert found.data == {"db": {"lines": ["disk gone"]}}


@pytest.mark.parametrize("probe", ["more_logs", "dependency_logs"])
async def test_lines_are_kept_without_secrets(world: World, sight: Sight, probe: str) -> None:
    """They are evidence, which the ledger keeps."""
    for name in ("web", "db"):
        world.containers.said[name] = ["error: password=hunter2"]
    found = await taken(sight, probe)

    assert "hunter2" not in found.model_dump_json()
    assert "password=***" in found.model_dump_json()


async def test_memory_of_the_last_hour(world: World, sight: Sight) -> None:
    """The query is code's own; the container's name is quoted."""
    assert world.metrics
    query = 'container_memory_working_set_bytes{name="web"}'
    samples = [
        Sample(labels={}, value=n * 10 * MIB, at=sight.now - timedelta(minutes=5 * (4 - n)))
        for n in range(1, 4)
    ]
    world.metrics.answers[query] = Answer(query=query, samples=samples)
    found = await taken(sight, "memory_history")

    assert found.source == "prometheus"
    assert found.data == {"mib_every_5_min": "10, 20, 30", "low": "10", "now": 30.0}


async def test_the_timeline(sight: Sight) -> None:
    """What Docker's events said about it."""
    found = await taken(sight, "timeline")

    assert found.data == {"said": "0s ago die with 1"}


async def test_the_neighbours(world: World, sight: Sight) -> None:
    """Who else is unwell on its host."""
    found = await taken(sight, "neighbours")

    assert found.data == {"on_this_host": 2, "unwell": ["web exited", "db restarting"]}
    assert container("web").target.host == "local"


async def test_a_probe_that_fails_says_so(world: World, sight: Sight) -> None:
    """The answer is evidence all the same: of nothing."""
    world.containers.errors["logs"] = Transient("Docker is away")
    found = await taken(sight, "more_logs")

    assert (found.status, found.summary) == ("error", "Docker is away")


async def test_a_probe_that_hangs_ends_in_time(world: World, sight: Sight) -> None:
    """Under the deadline of all evidence."""
    world.limit(evidence_deadline_s=0.01)
    world.containers.silent.add("logs")
    slow = Sight(deps=world.deps, target=sight.target, kinds=sight.kinds, now=sight.now)
    found = await taken(slow, "more_logs")

    assert (found.status, found.summary) == ("error", "no answer in time")


async def test_nothing_found_is_no_data(sight: Sight) -> None:
    """Which a model is not shown."""
    assert (await taken(sight, "memory_history")).status == "no_data"
