"""A scenario's services as containers: made, looked at, removed. Not here: breaking them."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from docker import DockerClient
from docker.errors import APIError, NotFound
from docker.types import Healthcheck, Mount

from lab.images import service_image
from lab.processes import NotReady, free_port
from lab.scenario import Service

LABEL = "nightshift-lab"
_SECOND = 1_000_000_000
_PORT_TAKEN = "address already in use", "port is already allocated"


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A service that has a container; `url` is its health page from outside, if it is published."""

    service: Service
    id: str
    container: str
    url: str = ""


@dataclass(kw_only=True)
class Look:
    """What is true of a container now."""

    status: str
    health: str
    answers: bool | None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def well(self) -> bool:
        """Running, healthy where it has a health check, answering where it is published."""
        return (
            self.status == "running"
            and self.health in {"none", "healthy"}
            and self.answers is not False
        )

    def is_in(self, state: str) -> bool:
        """Whether a word of the scenario's vocabulary describes it."""
        if state == "answering":
            return bool(self.answers)
        return state in {self.status, self.health}


class Fleet:
    """All containers, networks and volumes of one lab, labelled `nightshift-lab=<id>`."""

    def __init__(self, client: DockerClient, lab_id: str, *, publish_on: str = "127.0.0.1") -> None:
        self._publish_on = publish_on
        self.client = client
        self.lab_id = lab_id
        self.placed: dict[str, Placed] = {}
        self.volumes: dict[str, str] = {}
        self.holder = ""
        self._http = httpx.Client(timeout=1.0, trust_env=False)

    def close(self) -> None:
        """Remove everything that carries this lab's label."""
        self._http.close()
        remove(self.client, self.lab_id)

    def up(self, services: Sequence[Service]) -> None:
        """Make and start them in the order given. Raises docker.errors.APIError, NotReady."""
        for name in sorted({network for service in services for network in service.networks}):
            self.client.networks.create(self.network(name), labels=self.labels())
        self._hold([service for service in services if service.volumes])
        for service in services:
            self.placed[service.name] = self._place(service)

    def network(self, name: str) -> str:
        """The real name of a scenario's network."""
        return f"{self.lab_id}-{name}"

    def labels(self, suffix: str = "") -> dict[str, str]:
        """The label that makes a thing part of this lab."""
        return {LABEL: self.lab_id + suffix}

    def look(self, name: str) -> Look:
        """Docker's state of a service and the answer of its page, from outside."""
        placed = self.placed[name]
        try:
            facts = self.client.api.inspect_container(placed.id)
        except NotFound:
            return Look(status="gone", health="none", answers=False)
        state = facts["State"]
        answers = self._answers(placed.url) if placed.url else None
        health = state.get("Health", {}).get("Status", "none")
        return Look(status=state["Status"], health=health, answers=answers, facts=facts)

    async def wait_until(self, name: str, state: str, *, seconds: float = 30.0) -> None:
        """Wait for a state of the scenario's vocabulary. Raises NotReady when it does not come."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            look = await asyncio.to_thread(self.look, name)
            if look.well if state == "well" else look.is_in(state):
                return
            await asyncio.sleep(0.1)
        raise NotReady(
            f"{name!r} did not become {state} in {seconds:g} s; it is {look.status}, {look.health}"
        )

    def _answers(self, url: str) -> bool:
        try:
            return self._http.get(url).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def _hold(self, services: list[Service]) -> None:
        """Make the volumes; an idle container holds them, so that no restart empties them."""
        mounts = []
        for service in services:
            for path, size in service.volumes.items():
                name = f"{self.lab_id}-{service.name}{path.replace('/', '-')}"
                options = {"type": "tmpfs", "device": "tmpfs", "o": f"size={size}"}
                self.client.volumes.create(
                    name, driver="local", driver_opts=options, labels=self.labels()
                )
                self.volumes[name] = f"/held/{name}"
                mounts.append(Mount(f"/held/{name}", name))
        if mounts:
            self.holder = self._create(
                f"{self.lab_id}-holder",
                image=service_image(self.client),
                command=["sleep", "86400"],
                labels=self.labels("-holder"),
                host={"mounts": mounts, "network_mode": "none"},
            )
            self.client.api.start(self.holder)

    def _place(self, service: Service) -> Placed:
        for _ in range(5):
            port = free_port() if service.probe else 0
            id_ = self._make(service, port)
            try:
                self.client.api.start(id_)
            except APIError as error:
                if not any(words in str(error) for words in _PORT_TAKEN):
                    raise
                self.client.api.remove_container(id_, force=True)
                continue
            url = f"http://127.0.0.1:{port}/cgi-bin/health" if port else ""
            return Placed(service=service, id=id_, container=self._name(service.name), url=url)
        raise NotReady(f"no port could be published for {service.name!r}")

    def _name(self, service: str) -> str:
        return f"{self.lab_id}-{service}"

    def _make(self, service: Service, port: int) -> str:
        """Create one container, attached to all its networks."""
        first, *others = [self.network(name) for name in service.networks]
        api = self.client.api
        endpoint = api.create_endpoint_config(aliases=[service.name])
        id_ = self._create(
            self._name(service.name),
            image=service.image or service_image(self.client),
            command=service.command or None,
            labels=self._service_labels(service),
            host=self._host(service, port, first),
            environment=_environment(service),
            ports=[8080] if port else None,
            healthcheck=_healthcheck(service),
            networking_config={"EndpointsConfig": {first: endpoint}},
        )
        for other in others:
            api.connect_container_to_network(id_, other, aliases=[service.name])
        return id_

    def _create(self, name: str, *, host: dict[str, Any], **more: Any) -> str:
        config = self.client.api.create_host_config(**host)
        made = self.client.api.create_container(name=name, host_config=config, **more)
        return str(made["Id"])

    def _host(self, service: Service, port: int, network: str) -> dict[str, Any]:
        name, _, most = service.restart.partition(":")
        host: dict[str, Any] = {
            "network_mode": network,
            "restart_policy": {"Name": name, "MaximumRetryCount": int(most or 0)},
            "mounts": [
                Mount(path, f"{self._name(service.name)}{path.replace('/', '-')}")
                for path in service.volumes
            ],
        }
        if service.memory:
            host |= {"mem_limit": service.memory, "memswap_limit": service.memory}
        if port:
            host["port_bindings"] = {8080: (self._publish_on, port)}
        return host

    def _service_labels(self, service: Service) -> dict[str, str]:
        compose = {
            "com.docker.compose.project": self.lab_id,
            "com.docker.compose.service": service.name,
            "com.docker.compose.container-number": "1",
            "com.docker.compose.oneoff": "False",
            "com.docker.compose.depends_on": ",".join(
                f"{peer}:service_started:false" for peer in service.depends_on
            ),
        }
        own = self.labels("-elsewhere" if service.scope == "elsewhere" else "")
        return {**compose, **service.labels, **own}


def _environment(service: Service) -> dict[str, str]:
    peers = ",".join(f"{peer}:8080" for peer in service.depends_on)
    volume = next(iter(service.volumes), "")
    given = {"NAME": service.name, "DEPENDS": peers, "VOLUME": volume}
    return {**given, **service.env}


def _healthcheck(service: Service) -> Healthcheck | None:
    if service.image and service.healthcheck:
        return None
    if not service.healthcheck:
        return Healthcheck(test=["NONE"])
    return Healthcheck(
        test=["CMD", "/service/health"], interval=_SECOND, timeout=2 * _SECOND, retries=2
    )


def remove(client: DockerClient, lab_id: str) -> None:
    """Remove containers, networks and volumes of that lab; what is gone already is no error."""
    belonging = {"label": LABEL}
    for container in client.api.containers(all=True, filters=belonging):
        if is_of(container["Labels"][LABEL], lab_id):
            with suppress(NotFound, APIError):
                client.api.remove_container(container["Id"], force=True, v=True)
    for network in client.api.networks(filters=belonging):
        if is_of(network["Labels"][LABEL], lab_id):
            with suppress(NotFound):
                client.api.remove_network(network["Id"])
    for volume in client.api.volumes(filters=belonging)["Volumes"] or []:
        if is_of(volume["Labels"][LABEL], lab_id):
            with suppress(NotFound):
                client.api.remove_volume(volume["Name"], force=True)


def is_of(value: str, lab_id: str) -> bool:
    """Whether this value of the label belongs to that lab: its id, or its id and a suffix."""
    return value == lab_id or value.startswith(f"{lab_id}-")
