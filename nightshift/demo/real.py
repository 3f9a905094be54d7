"""The stage on real Docker, with throwaway containers; all of it is removed at the end.

With Prometheus and Alertmanager installed these are real too; else the lab's stand-ins look at
the real containers. Not here: containers, monitoring (lab/).
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import docker
from docker.errors import DockerException

from domain.errors import Transient
from lab.containers import LABEL, Fleet
from lab.exporter import Containers
from lab.images import BUSYBOX
from lab.monitoring import ALERTMANAGER, PROMETHEUS, program
from lab.processes import NotReady, Processes, free_port
from lab.rules import CATALOGUE
from lab.scenario import Service
from lab.stack import Stack, new_id
from lab.standins.alertmanager import Alertmanager
from lab.standins.history import Sample
from lab.standins.prometheus import Prometheus
from lab.standins.rules import Rule
from lab.standins.telegram import Telegram
from nightshift.demo.server import serve
from nightshift.demo.stage import DB, PACE, WEB, Stage, calm_by, messages_of, telegram_settings

REAL_PACE = {**PACE, "NIGHTSHIFT_VERIFY_FOR_S": "15"}
"""Docker looks at the health of a container once a second."""
RULE = CATALOGUE["ContainerUnhealthy"]
SHOP = [
    Service(name=DB, healthcheck=False),
    Service(name=WEB, depends_on=[DB]),
]


@asynccontextmanager
async def real() -> AsyncIterator[Stage]:
    """A shop of containers. Raises Transient, saying what the machine lacks."""
    _need_docker()
    installed = program(PROMETHEUS) and program(ALERTMANAGER)
    try:
        async with _monitored() if installed else _watched_by_standins() as stage:
            yield stage
    except (NotReady, DockerException) as error:
        raise Transient(f"the demo's containers did not come up: {error}") from error


def _need_docker() -> None:
    try:
        client = docker.from_env(timeout=5)
        client.ping()
        client.close()
    except DockerException as error:
        raise Transient(f"no Docker daemon answers ({error}): run the demo without it") from error
    if not BUSYBOX.exists():
        raise Transient("there is no /bin/busybox to make containers of: install busybox-static")


@asynccontextmanager
async def _monitored() -> AsyncIterator[Stage]:
    """Real Prometheus and Alertmanager."""
    async with AsyncExitStack() as stack:
        telegram = await stack.enter_async_context(Telegram())
        settings = {**REAL_PACE, **telegram_settings(telegram)}
        lab = await stack.enter_async_context(Stack(new_id(), rules=[RULE], env=settings))
        await lab.up(SHOP)
        alertmanager = lab.monitoring.alertmanager_url
        yield _stage(
            lab.fleet,
            telegram,
            title="a shop of real containers behind real Prometheus and Alertmanager",
            url=lab.agent.url,
            token=lab.token,
            addresses={"prometheus": lab.monitoring.prometheus_url, "alertmanager": alertmanager},
        )


@asynccontextmanager
async def _watched_by_standins() -> AsyncIterator[Stage]:
    """Stand-ins for Prometheus and Alertmanager over the real containers."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        client = docker.from_env(timeout=30)
        stack.callback(client.close)
        fleet = Fleet(client, new_id())
        stack.push_async_callback(asyncio.to_thread, fleet.close)
        await asyncio.to_thread(fleet.up, SHOP)
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        telegram = await enter(Telegram())
        prometheus = await enter(Prometheus(rules=[Rule.written(RULE.written())]))
        prometheus.watch(_Exported(fleet).samples)
        alertmanager = await enter(Alertmanager(prometheus, receiver=f"{url}/alert"))
        settings = {
            **REAL_PACE,
            **telegram_settings(telegram),
            "DOCKER_SCOPE": f"{LABEL}={fleet.lab_id}",
            "PROMETHEUS_URL": prometheus.url,
            "ALERTMANAGER_URL": alertmanager.url,
        }
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nightshift-demo-")))
        await serve(await enter(Processes(folder)), port, settings)
        await fleet.wait_until(WEB, "well")
        yield _stage(
            fleet,
            telegram,
            title="a shop of real containers behind stand-ins for Prometheus and Alertmanager",
            url=url,
            token="",
            addresses={"prometheus": prometheus.url, "alertmanager": alertmanager.url},
        )


class _Exported:
    """The lab's exporter, read without a port of its own."""

    def __init__(self, fleet: Fleet) -> None:
        self._collector = Containers(fleet.client, fleet.lab_id, lambda _: 0)

    def samples(self) -> Iterator[Sample]:
        """What it would say at a scrape."""
        for family in self._collector.collect():
            for one in family.samples:
                at = float(one.timestamp) if one.timestamp else None
                yield Sample(name=one.name, labels=one.labels, value=one.value, at=at)


def _stage(
    fleet: Fleet,
    telegram: Telegram,
    *,
    title: str,
    url: str,
    token: str,
    addresses: dict[str, str],
) -> Stage:
    async def hang(name: str) -> None:
        await asyncio.to_thread(_exec, fleet, name, ["/service/fault", "hung"])

    async def well(name: str) -> bool:
        return (await asyncio.to_thread(fleet.look, name)).well

    return Stage(
        title=title,
        url=url,
        token=token,
        addresses=addresses,
        hang=hang,
        well=well,
        calm=calm_by(addresses["alertmanager"]),
        messages=lambda: messages_of(telegram),
    )


def _exec(fleet: Fleet, name: str, command: list[str]) -> None:
    """Tell the service to break, as a bug inside it would; no Docker verb is used on it."""
    api = fleet.client.api
    api.exec_start(api.exec_create(fleet.placed[name].id, command)["Id"])
