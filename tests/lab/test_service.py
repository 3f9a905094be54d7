"""The breakable service keeps what the scenarios promise about it."""

import asyncio

import pytest

from lab.scenario import Service
from tests.lab.conftest import Bench

pytestmark = pytest.mark.stack


async def up(bench: Bench, *services: Service) -> None:
    """Start them and wait until they are well."""
    await asyncio.to_thread(bench.fleet.up, services)
    for service in services:
        await bench.fleet.wait_until(service.name, "well")


def log(bench: Bench, name: str) -> str:
    """What the service said."""
    said: bytes = bench.fleet.client.api.logs(bench.fleet.placed[name].id)
    return said.decode()


async def test_a_crash_ends_with_one_and_a_start_heals_it(bench: Bench) -> None:
    """Nothing of a crash is kept."""
    await up(bench, Service(name="web"))

    await bench.breaks(kind="crash", service="web", until="exited")
    code = bench.fleet.look("web").facts["State"]["ExitCode"]
    bench.fleet.client.api.start(bench.fleet.placed["web"].id)
    await bench.fleet.wait_until("web", "well")

    assert code == 1


async def test_too_little_memory_kills_again_until_there_is_more(bench: Bench) -> None:
    """A start alone dies again; with a higher limit it stays."""
    await up(bench, Service(name="web", memory="32m"))
    api, web = bench.fleet.client.api, bench.fleet.placed["web"]

    await bench.breaks(kind="oom", service="web", amount=40, until="exited")
    killed = bench.fleet.look("web").facts["State"]["OOMKilled"]
    api.start(web.id)
    await bench.fleet.wait_until("web", "exited")
    api.update_container(web.id, mem_limit="64m", memswap_limit="64m")
    api.start(web.id)
    await bench.fleet.wait_until("web", "well")

    assert killed


async def test_a_hang_stays_until_a_restart(bench: Bench) -> None:
    """The process lives, the page says 503, the health check fails."""
    await up(bench, Service(name="web"))

    await bench.breaks(kind="hung", service="web", until="unhealthy")
    hung = bench.fleet.look("web")
    bench.fleet.client.api.restart(bench.fleet.placed["web"].id, timeout=2)
    await bench.fleet.wait_until("web", "well")

    assert (hung.status, hung.answers) == ("running", False)


async def test_a_client_names_the_dependency_it_misses(bench: Bench) -> None:
    """It is unwell while its dependency is, and well again without being touched."""
    await up(bench, Service(name="db", probe=False), Service(name="api", depends_on=["db"]))

    await bench.breaks(kind="stop", service="db")
    await bench.fleet.wait_until("api", "unhealthy")
    bench.fleet.client.api.start(bench.fleet.placed["db"].id)
    await bench.fleet.wait_until("api", "well")

    assert "ERROR api: dependency db does not answer at db:8080" in log(bench, "api")


async def test_a_full_volume_stays_full_over_a_restart(bench: Bench) -> None:
    """Restarting the service neither empties the volume nor heals it."""
    await up(bench, Service(name="web", volumes={"/data": "4m"}))

    await bench.breaks(kind="fill_volume", service="web", until="unhealthy")
    bench.fleet.client.api.restart(bench.fleet.placed["web"].id, timeout=2)
    await bench.fleet.wait_until("web", "unhealthy")

    assert "No space left on device" in log(bench, "web")


async def test_the_labs_own_faults_are_noted(bench: Bench) -> None:
    """A call through the API is noted under its verb, a command inside as exec."""
    await up(bench, Service(name="web"))

    await bench.breaks(kind="hung", service="web")
    await bench.breaks(kind="pause", service="web", until="paused")

    assert [call.verb for call in bench.recorder.calls] == ["exec", "pause"]


async def test_a_cut_network_is_seen_from_outside_only(bench: Bench) -> None:
    """Healthy inside, silent outside."""
    await up(bench, Service(name="web"))

    await bench.breaks(kind="disconnect", service="web")
    await asyncio.sleep(1.5)  # one more health check inside
    look = bench.fleet.look("web")

    assert (look.status, look.health, look.answers) == ("running", "healthy", False)
