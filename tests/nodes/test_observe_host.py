"""What carries a container's Docker host, and what it answers over HTTP."""

import pytest

from domain.evidence import Evidence
from domain.facts import Port
from domain.metrics import Answer, Sample
from nightshift.testing import T0, FakeGuests, World, guest
from nodes.monitor import monitor
from nodes.observe_host import STATUS, UPTIME
from tests.nodes.steps import Begin, Run


async def seen(world: World, begin: Begin, run: Run, kind: str) -> Evidence:
    """That observation about `web`, which crashed."""
    world.containers.crash("web")
    state = await run(await begin(), monitor)
    return (await world.store.evidence(state["incident"], [f"{kind}@1"]))[0]


def answer(world: World, query: str, **values: float) -> None:
    """Prometheus' answer: a sample an instance (`_` stands for `:`)."""
    assert world.metrics
    samples = [
        Sample(labels={"instance": name.replace("_", ":")}, value=value, at=T0)
        for name, value in values.items()
    ]
    world.metrics.answers[query] = Answer(query=query, samples=samples)


async def test_the_guest_that_is_configured(world: World, begin: Begin, run: Run) -> None:
    """`DOCKER_GUESTS` names it."""
    world.guests = FakeGuests(world.clock, guest(uptime_s=40.0))
    world.limit(docker_guests={"local": "lxc/101"})
    host = await seen(world, begin, run, "host")

    assert (host.source, host.data["name"], host.data["up"]) == ("proxmox", "nas", True)
    assert host.data["uptime_s"] == pytest.approx(40.0, abs=2)


async def test_a_name_is_not_believed_against_docker(world: World, begin: Begin, run: Run) -> None:
    """A stopped guest called like the Docker host that answers is another machine."""
    world.guests = FakeGuests(world.clock, guest("local", status="stopped"))
    host = await seen(world, begin, run, "host")

    assert host.status == "no_data"
    assert "only their names agree" in host.summary


async def test_without_proxmox_the_node_exporter_tells(
    world: World, begin: Begin, run: Run
) -> None:
    """One exporter and one Docker host belong together."""
    answer(world, UPTIME, nas_9100=90.0)
    host = await seen(world, begin, run, "host")

    assert (host.data["type"], host.data["up"], host.data["uptime_s"]) == ("host", True, 90.0)


async def test_of_several_exporters_its_own_is_taken(world: World, begin: Begin, run: Run) -> None:
    """By an address of the host; without one nobody knows."""
    answer(world, UPTIME, nas_9100=90.0, attic_9100=7.0)
    world.limit(addresses={"local": ["attic"]})

    assert (await seen(world, begin, run, "host")).data["uptime_s"] == 7.0


async def test_of_several_strangers_none_is_taken(world: World, begin: Begin, run: Run) -> None:
    """Nothing is guessed."""
    answer(world, UPTIME, nas_9100=90.0, attic_9100=7.0)

    assert (await seen(world, begin, run, "host")).status == "no_data"


async def test_the_worst_status_code_counts(world: World, begin: Begin, run: Run) -> None:
    """Of all probes that ask this container."""
    assert world.metrics
    world.containers.change("web", ports=[Port(container="80", host_ip="", host_port=8080)])
    world.limit(addresses={"local": ["127.0.0.1"]})
    targets = {"http://web/": 200, "http://127.0.0.1:8080/": 503, "http://other/": 500}
    samples = [
        Sample(labels={"instance": name}, value=value, at=T0) for name, value in targets.items()
    ]
    world.metrics.answers[STATUS] = Answer(query=STATUS, samples=samples)
    http = await seen(world, begin, run, "http")

    assert http.data == {"status": 503, "target": "http://127.0.0.1:8080/"}
