"""The stage without Docker: the lab's stand-ins over real HTTP, the real server in a process.

Not here: the stand-ins (lab/).
"""

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from lab.processes import Processes, free_port
from lab.rules import CATALOGUE
from lab.standins.alertmanager import Alertmanager
from lab.standins.docker import DockerStandin, running
from lab.standins.prometheus import Prometheus
from lab.standins.rules import Rule
from lab.standins.series import world_series
from lab.standins.telegram import Telegram
from lab.world import Service, World
from nightshift.demo.server import serve
from nightshift.demo.stage import (
    DB,
    PACE,
    SCOPE,
    WEB,
    Stage,
    calm_by,
    messages_of,
    telegram_settings,
)


@asynccontextmanager
async def simulated() -> AsyncIterator[Stage]:
    """Everything in this process but the server. Raises Transient when that does not start."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        world = _shop()
        stack.push_async_callback(world.aclose)
        port = free_port()
        server = f"http://127.0.0.1:{port}"
        docker = await enter(running(DockerStandin(world)))
        telegram = await enter(Telegram())
        prometheus = await enter(Prometheus(rules=[_rule()]))
        prometheus.watch(world_series(world))
        alertmanager = await enter(Alertmanager(prometheus, receiver=f"{server}/alert"))
        settings = {
            **PACE,
            **telegram_settings(telegram),
            "DOCKER_HOSTS": f"demo={docker}",
            "DOCKER_SCOPE": "=".join(SCOPE),
            "PROMETHEUS_URL": prometheus.url,
            "ALERTMANAGER_URL": alertmanager.url,
        }
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nightshift-demo-")))
        await serve(await enter(Processes(folder)), port, settings)

        async def hang(name: str) -> None:
            await world.break_(name, "hung")

        async def well(name: str) -> bool:
            return world.is_well(name)

        yield Stage(
            title="a simulated shop behind stand-ins for Docker, Prometheus and Alertmanager",
            url=server,
            token="",
            addresses={"prometheus": prometheus.url, "alertmanager": alertmanager.url},
            hang=hang,
            well=well,
            calm=calm_by(alertmanager.url),
            messages=lambda: messages_of(telegram),
        )


def _shop() -> World:
    """The database has no health check: that is what makes its hanging hard to see."""
    world = World()
    labels = dict([SCOPE])
    world.add(Service(name=DB, health=False, labels=labels, restart="unless-stopped"))
    world.add(
        Service(
            name=WEB,
            labels=labels,
            restart="unless-stopped",
            depends_on=[DB],
            without_deps="unhealthy",
        )
    )
    return world


def _rule() -> Rule:
    return Rule.written(CATALOGUE["ContainerUnhealthy"].written())
