"""The simulated world in the exporters' names and labels."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lab.rules import CATALOGUE
from lab.standins.functions import Item
from lab.standins.history import Sample
from lab.standins.prometheus import Prometheus
from lab.standins.series import probe_url, world_series
from lab.world import Service, World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A published service with a volume, and one that is not published."""
    made = World()
    made.add(
        Service(name="web", port=8123, memory_limit=64 * 1024**2, mounts={"/srv/web": "/data"})
    )
    made.add(Service(name="db", health=False), running=False)
    yield made
    await made.aclose()


def scraped(world: World) -> list[Sample]:
    """One scrape."""
    return list(world_series(world)())


def one(world: World, metric: str, **labels: str) -> list[float]:
    """The values of the series with these labels."""
    return [
        sample.value
        for sample in scraped(world)
        if sample.name == metric and labels.items() <= dict(sample.labels).items()
    ]


async def test_names_and_labels_are_the_recorded_exporters(world: World, data: Path) -> None:
    """Rules written for the real exporters work on the stand-in."""
    text = (data / "exporter_metrics.txt").read_text()
    recorded = dict(re.findall(r"^(container_\w+)\{(.*?)\} ", text, re.MULTILINE))
    told = {sample.name: set(sample.labels) for sample in scraped(world)}

    for name, labels in recorded.items():
        assert told[name] >= set(re.findall(r"(\w+)=", labels)), name


async def test_every_container_has_a_state(world: World) -> None:
    """One series a status, one of them 1, running or not."""
    assert one(world, "container_state_status", name="web", status="running") == [1.0]
    assert one(world, "container_state_status", name="db", status="created") == [1.0]
    assert len(one(world, "container_state_status", name="db")) == 7


async def test_only_processes_use_memory(world: World) -> None:
    """CAdvisor says nothing of a container without one, and dates what it says itself."""
    assert one(world, "container_spec_memory_limit_bytes", name="web") == [64.0 * 1024**2]
    assert one(world, "container_memory_working_set_bytes", name="db") == []
    assert all(
        sample.at is not None for sample in scraped(world) if sample.name == "container_last_seen"
    )


async def test_probes_follow_the_service(world: World) -> None:
    """Published services are probed at their own URL."""
    assert one(world, "probe_success", instance=probe_url(8123), name="web") == [1.0]
    await world.break_("web", "crash")

    assert one(world, "probe_success", name="web") == [0.0]
    assert one(world, "probe_success", name="db") == []


async def test_volumes_have_room(world: World) -> None:
    """As node_exporter tells it, at the mount's source."""
    (size,) = one(world, "node_filesystem_size_bytes", mountpoint="/srv/web")
    (room,) = one(world, "node_filesystem_avail_bytes", mountpoint="/srv/web")

    assert room / size == pytest.approx(0.6)


async def test_the_labs_rules_fire_on_it(world: World) -> None:
    """A crash fires ContainerDown and the probe's alert, for that container only."""
    async with Prometheus(interval_s=60) as prometheus:
        prometheus.watch(world_series(world))
        prometheus.scrape()
        await world.break_("web", "crash")
        prometheus.scrape()
        fired = {
            name: [item.labels["name"] for item in found if isinstance(item, Item)]
            for name, rule in CATALOGUE.items()
            if not isinstance(found := prometheus.query(rule.expr), float)
        }

    assert {name for name, names in fired.items() if names == ["web"]} >= {
        "ContainerDown",
        "BlackboxProbeFailed",
    }
    assert fired["ContainerPaused"] == []
