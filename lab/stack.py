"""One lab: containers, real Prometheus and Alertmanager, and the agent under test.

Everything it makes is removed when it is left, by whatever way; what a killed lab leaves behind
is removed by `sweep` (lab/sweep.py). Not here: scenarios.
"""

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

import docker
from docker.errors import DockerException

from lab.agent import AGENTS, NIGHTSHIFT, Agent, Client
from lab.containers import LABEL, Fleet
from lab.exporter import Containers, Exporter, Volumes
from lab.images import BUSYBOX
from lab.monitoring import ALERTMANAGER, PROMETHEUS, Monitoring, Ports, program, until
from lab.processes import Processes, environment, free_port
from lab.recorder import Recorder
from lab.rules import Rule
from lab.scenario import Service
from lab.site import INSIDE, Site

DIRECTORY_PREFIX = "nightshift-lab-"


def new_id() -> str:
    """A name for a lab that nobody else has."""
    return f"ns{secrets.token_hex(4)}"


def missing() -> list[str]:
    """What this machine lacks for a lab, each with what to do about it; empty when it is ready."""
    found = []
    try:
        client = docker.from_env(timeout=5)
        client.ping()
        client.close()
    except DockerException:
        found.append(
            "No Docker daemon answers: install docker (on Debian: apt-get install docker.io)"
            " and start it, or point DOCKER_HOST at one."
        )
    if program(PROMETHEUS) is None:
        found.append("Prometheus is not installed: apt-get install prometheus.")
    if program(ALERTMANAGER) is None:
        found.append("Alertmanager is not installed: apt-get install prometheus-alertmanager.")
    if not BUSYBOX.exists():
        found.append(
            "There is no /bin/busybox to build services from: apt-get install busybox-static."
        )
    return found


class Stack:
    """`async with Stack(lab_id) as stack:` then `await stack.up(services)`.

    `rules` are what Prometheus alerts on; `env` are settings of the agent; `site` is a Proxmox
    cluster beside the containers, or below them. Labs with different ids run side by side.
    """

    def __init__(
        self,
        lab_id: str,
        *,
        rules: Sequence[Rule] = (),
        agent: Agent = AGENTS[NIGHTSHIFT],
        env: Mapping[str, str] | None = None,
        site: Site | None = None,
        group_wait_s: float = 0,
        docker_timeout_s: int = 30,
    ) -> None:
        self.lab_id = lab_id
        self.token = secrets.token_urlsafe(18)
        self.agent_spec = agent
        self._rules = rules
        self._env = dict(env or {})
        self._group_wait_s = group_wait_s
        self._exits = AsyncExitStack()
        self.client = docker.from_env(timeout=docker_timeout_s)
        self.site = site
        inside = INSIDE if site and site.docker_on else "127.0.0.1"
        self.fleet = Fleet(self.client, lab_id, publish_on=inside)
        self.directory = Path()
        self.recorder: Recorder
        self.processes: Processes
        self.monitoring: Monitoring
        self.agent: Client

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def up(self, services: Sequence[Service], *, settled_s: float = 1.0) -> None:
        """Start the services and wait until everybody sees them well.

        `settled_s`: how long the agent may look at the healthy services before anything breaks.
        Raises NotReady, docker.errors.DockerException.
        """
        await asyncio.to_thread(self.fleet.up, services)
        if self.site:
            await self.site.admit(self.fleet.placed.values())
        for service in services:
            await self.fleet.wait_until(service.name, "well")
        await self.ready()
        await self.monitoring.watch(self.fleet)
        await asyncio.sleep(settled_s)

    async def ready(self) -> None:
        """Wait for Prometheus, Alertmanager and the agent. Raises NotReady."""
        await self.monitoring.ready()
        name = self.agent_spec.name
        await until(
            self.agent.ready, f"{name} did not become ready", self.monitoring, name, seconds=60
        )

    async def start_agent(self) -> None:
        """Start the agent under test; it may be killed and started again."""
        name, port = self.agent_spec.name, self.monitoring.ports.agent
        command = self.agent_spec.command(port=port, data=self.directory / "data")
        await self.processes.start(name, command, env=environment(**self.agent_env()))

    def agent_env(self) -> dict[str, str]:
        """The settings that the agent is started with; the scenario's own come last."""
        return {
            "DOCKER_SCOPE": f"{LABEL}={self.lab_id}",
            "PROMETHEUS_URL": self.monitoring.prometheus_url,
            "ALERTMANAGER_URL": self.monitoring.alertmanager_url,
            "NIGHTSHIFT_TOKEN": self.token,
            "NIGHTSHIFT_CHECK_EVERY_S": "0",
            "NIGHTSHIFT_VERIFY_FOR_S": "15",
            **(self.site.env() if self.site else {}),
            **self._env,
        }

    async def _open(self) -> None:
        enter = self._exits.enter_async_context
        self._exits.callback(self.client.close)
        self.directory = Path(tempfile.mkdtemp(prefix=f"{DIRECTORY_PREFIX}{self.lab_id}-"))
        self._exits.callback(shutil.rmtree, self.directory, ignore_errors=True)
        (self.directory / "owner").write_text(str(os.getpid()))
        self._exits.push_async_callback(asyncio.to_thread, self.fleet.close)
        self.recorder = await enter(Recorder(self.client))
        ports = Ports(**{name: free_port() for name in Ports.__dataclass_fields__})
        self._export(ports)
        if self.site:
            await enter(self.site.open(ports.guests))
        self.processes = await enter(Processes(self.directory))
        self.monitoring = Monitoring(
            processes=self.processes, ports=ports, token=self.token, cluster=self.site is not None
        )
        self.agent = await enter(Client(f"http://127.0.0.1:{ports.agent}", self.token))
        await self.start_agent()
        await self.monitoring.start(self._rules, group_wait_s=self._group_wait_s)

    def _export(self, ports: Ports) -> None:
        is_up = self.site.docker_is_up if self.site else lambda: True
        containers = Containers(self.client, self.lab_id, self.recorder.ooms, is_up=is_up)
        volumes = Volumes(self.client, lambda: (self.fleet.holder, self.fleet.volumes))
        self._exits.enter_context(Exporter(containers, ports.containers))
        self._exits.enter_context(Exporter(volumes, ports.volumes))

    async def _close(self) -> None:
        await self._exits.aclose()
