"""What is done, and what is left alone, when the fault lies in what the patient stands on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nightshift.testing import container, firing, open_world
from tests.graph.driving import Service
from tools.runbooks import load


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Service]:
    """`web`, with a health check, stands on `db`; the shipped runbooks decide."""
    web = container("web", health="healthy", depends_on=["db"])
    async with open_world(tmp_path, web, container("db"), container("other")) as world:
        world.rulebook = load()  # type: ignore[assignment]  # the port, not the fake
        yield Service(world)


async def told(service: Service) -> str:
    """The incident of `web` that fails its health check, as far as it goes within a minute."""
    service.world.containers.change("web", health="unhealthy")
    incident = await service.alert(firing("ContainerUnhealthy", name="web"))
    await service.work(until_s=60)
    return incident


@pytest.mark.parametrize("act", ["stop", "kill"])
async def test_a_dependency_that_a_person_stopped_is_asked_about(shop: Service, act: str) -> None:
    """Its victim's alert is no reason to undo somebody's decision."""
    getattr(shop.world.containers, act)("db")
    incident = await told(shop)
    said = await shop.heard(incident, "policy")

    assert shop.verbs() == []
    assert await shop.world.store.pending_approval(incident)
    assert [f"db: {act} through the API" in one for one in said] == [True]


async def test_a_dependency_whose_end_nobody_saw_is_asked_about(shop: Service) -> None:
    """An exit that a stop leaves and no event explains may be somebody's wish."""
    ended = shop.world.clock.now()
    shop.world.containers.change("db", status="exited", exit_code=137, finished_at=ended)
    incident = await told(shop)

    assert shop.verbs() == []
    assert await shop.world.store.pending_approval(incident)


@pytest.mark.parametrize("code", [0, 1, 137, 255])
async def test_a_death_that_nobody_witnessed_is_asked_about(shop: Service, code: int) -> None:
    """Stopped while Nightshift was away, perhaps: a program may end a stop with any code."""
    ended = shop.world.clock.now()
    shop.world.containers.change("other", status="exited", exit_code=code, finished_at=ended)
    incident = await shop.alert(firing(name="other"))
    await shop.work(until_s=60)

    assert shop.verbs() == []
    assert await shop.world.store.pending_approval(incident)


async def test_the_victims_own_crash_does_not_change_that(shop: Service) -> None:
    """Both down, one by a person's hand: nothing is started unasked."""
    shop.world.containers.stop("db")
    shop.world.containers.crash("web")
    incident = await shop.alert()
    await shop.work(until_s=60)

    assert shop.verbs() == []
    assert await shop.world.store.pending_approval(incident)


async def test_a_dependency_that_crashed_is_started(shop: Service) -> None:
    """Nobody wanted it down."""
    shop.world.containers.crash("db")
    await told(shop)

    assert shop.verbs()[:1] == ["start db"]


@pytest.mark.parametrize("status", ["exited", "created"])
async def test_a_finished_job_is_not_run_again(shop: Service, status: str) -> None:
    """A migration that ended well, or never ran, is no reason for its dependent's trouble."""
    ended = shop.world.clock.now()
    shop.world.containers.change("db", status=status, restart_policy="no", finished_at=ended)
    await told(shop)

    assert shop.verbs() == ["restart web"]


async def test_a_job_that_a_person_stopped_is_what_is_told(shop: Service) -> None:
    """Ended with 0 by somebody's hand: the patient is not restarted for it, a person hears why."""
    shop.world.containers.change("db", restart_policy="no")
    shop.world.containers.stop("db")
    incident = await shop.world.store.incident(await told(shop))

    assert shop.verbs() == []
    assert "depends on db, which is down" in incident.reason
