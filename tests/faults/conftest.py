"""Two houses for faults: one over real HTTP in real time, one in memory where hours pass."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from lab.standins.docker import DockerStandin, running
from lab.standins.prometheus import Prometheus
from lab.standins.series import world_series
from lab.standins.telegram import Telegram
from lab.world import Service as Spec
from lab.world import World as LabWorld
from nightshift.settings import Settings
from nightshift.testing import FixedRulebook, container, open_world
from tests.faults.houses import House
from tests.graph.driving import Service
from tests.test_service_end_to_end import SCOPE
from tools.runbooks import load


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """`web`, probed from outside, and everything around it as stand-ins; time-outs are short."""
    world = LabWorld()
    world.add(Spec(name="web", labels=SCOPE, restart="no"))
    docker = DockerStandin(world)
    async with (
        running(docker) as url,
        Telegram() as telegram,
        Prometheus(interval_s=0.1) as prometheus,
    ):
        prometheus.watch(world_series(world))
        settings = Settings(
            _env_file=None,
            nightshift_data_dir=tmp_path,
            nightshift_workers=2,
            nightshift_check_every_s=0,
            nightshift_stable_for_s=0.1,
            nightshift_verify_for_s=1,
            nightshift_settle_s=1,
            docker_hosts={"nas": url},
            docker_scope=SCOPE,
            docker_timeout_s=0.6,
            prometheus_url=prometheus.url,
            prometheus_timeout_s=0.3,
            telegram_bot_token=SecretStr(telegram.token),
            telegram_chat_id=telegram.chat_id,
            telegram_base_url=telegram.base_url,
        )
        yield House(
            world=world,
            docker=docker,
            prometheus=prometheus,
            telegram=telegram,
            settings=settings,
        )
    await world.aclose()


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """The whole graph with the shipped runbooks around `web` (with a health check) and `db`."""
    web = container("web", health="healthy", depends_on=["db"])
    async with open_world(tmp_path, web, container("db")) as world:
        world.rulebook = FixedRulebook(load().match)
        yield Service(world)


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where everything lasts: a directory, or a database of a server."""
    if request.param == "sqlite":
        return tmp_path
    address: str = request.getfixturevalue("postgres")
    return address
