"""Prometheus, Alertmanager and the prober as child processes. Not here: what they watch."""

import asyncio
import json
import shutil
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import yaml

from lab.containers import Fleet
from lab.processes import NotReady, Processes
from lab.rules import Rule

PROMETHEUS = ("prometheus",)
ALERTMANAGER = ("prometheus-alertmanager", "alertmanager")
BLACKBOX = ("prometheus-blackbox-exporter", "blackbox_exporter")


def program(names: Sequence[str]) -> str | None:
    """The path of the first of these programs that is installed."""
    return next((path for name in names if (path := shutil.which(name))), None)


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Who listens where, on 127.0.0.1."""

    prometheus: int
    alertmanager: int
    blackbox: int
    containers: int
    volumes: int
    guests: int
    agent: int


@dataclass(frozen=True, kw_only=True)
class Monitoring:
    """One lab's monitoring, in its directory; with a `cluster`, its exporter is scraped too."""

    processes: Processes
    ports: Ports
    token: str
    cluster: bool = False

    @property
    def directory(self) -> Path:
        """Where its files are."""
        return self.processes.directory

    @property
    def prometheus_url(self) -> str:
        """Prometheus' address."""
        return f"http://127.0.0.1:{self.ports.prometheus}"

    @property
    def alertmanager_url(self) -> str:
        """Alertmanager's address."""
        return f"http://127.0.0.1:{self.ports.alertmanager}"

    async def start(self, rules: Sequence[Rule], *, group_wait_s: float) -> None:
        """Write the configuration and start all three. Raises NotReady for a missing program."""
        self._write(
            "rules.yml", {"groups": [{"name": "lab", "rules": [r.written() for r in rules]}]}
        )
        self._write("prometheus.yml", self._prometheus())
        self._write("alertmanager.yml", self._alertmanager(group_wait_s))
        (self.directory / "probes.json").write_text("[]")
        await self._start_blackbox()
        await self._start_alertmanager()
        await self._start_prometheus()

    async def ready(self) -> None:
        """Wait until both answer. Raises NotReady with their last words."""
        for name, url in (
            ("prometheus", self.prometheus_url),
            ("alertmanager", self.alertmanager_url),
        ):
            await until(partial(_answers, f"{url}/-/ready"), f"{name} did not start", self, name)

    async def watch(self, fleet: Fleet) -> None:
        """Probe the published services and wait until each was seen well from outside.

        Raises NotReady when one is not.
        """
        probed = {one.container: one.url for one in fleet.placed.values() if one.url}
        targets = [{"targets": [url], "labels": {"name": name}} for name, url in probed.items()]
        fresh = self.directory / "probes.new"
        fresh.write_text(json.dumps(targets))
        fresh.rename(self.directory / "probes.json")

        async def seen() -> bool:
            names = await self.names("probe_success == 1")
            known = await self.names("container_state_status")
            everything = {one.container for one in fleet.placed.values()}
            return set(probed) <= names and everything <= known

        await until(seen, "Prometheus does not see every service well", self, "prometheus")

    async def names(self, query: str) -> set[str]:
        """The `name` labels of an instant query's answer; empty when Prometheus does not answer."""
        async with httpx.AsyncClient(trust_env=False, timeout=3) as http:
            try:
                url = f"{self.prometheus_url}/api/v1/query"
                said = (await http.get(url, params={"query": query})).json()
            except (httpx.TransportError, ValueError):
                return set()
        return {one["metric"].get("name", "") for one in said["data"]["result"]}

    def _write(self, name: str, content: object) -> None:
        (self.directory / name).write_text(yaml.safe_dump(content, sort_keys=False))

    async def _start_blackbox(self) -> None:
        path = program(BLACKBOX)
        listen = f"127.0.0.1:{self.ports.blackbox}"
        if path is None:
            command = [sys.executable, "-m", "lab.blackbox", str(self.ports.blackbox)]
        else:
            module = {"prober": "http", "timeout": "1s", "http": {"preferred_ip_protocol": "ip4"}}
            self._write("blackbox.yml", {"modules": {"http_2xx": module}})
            config = self.directory / "blackbox.yml"
            command = [path, f"--config.file={config}", f"--web.listen-address={listen}"]
        await self.processes.start("blackbox", command)

    async def _start_alertmanager(self) -> None:
        command = [
            _required(ALERTMANAGER),
            f"--config.file={self.directory / 'alertmanager.yml'}",
            f"--storage.path={self.directory / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{self.ports.alertmanager}",
            "--cluster.listen-address=",
        ]
        await self.processes.start("alertmanager", command)

    async def _start_prometheus(self) -> None:
        command = [
            _required(PROMETHEUS),
            f"--config.file={self.directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.directory / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{self.ports.prometheus}",
            f"--web.external-url={self.prometheus_url}/",
        ]
        await self.processes.start("prometheus", command)

    def _prometheus(self) -> dict[str, object]:
        return {
            "global": {
                "scrape_interval": "1s",
                "scrape_timeout": "1s",
                "evaluation_interval": "1s",
            },
            "rule_files": [str(self.directory / "rules.yml")],
            "alerting": {"alertmanagers": [_static(self.ports.alertmanager)]},
            "scrape_configs": [
                {"job_name": "cadvisor", **_static(self.ports.containers)},
                {"job_name": "node", **_static(self.ports.volumes)},
                *([{"job_name": "pve", **_static(self.ports.guests)}] if self.cluster else []),
                self._blackbox_job(),
            ],
        }

    def _blackbox_job(self) -> dict[str, object]:
        return {
            "job_name": "blackbox",
            "metrics_path": "/probe",
            "params": {"module": ["http_2xx"]},
            "file_sd_configs": [
                {"files": [str(self.directory / "probes.json")], "refresh_interval": "1s"}
            ],
            "relabel_configs": [
                {"source_labels": ["__address__"], "target_label": "__param_target"},
                {"source_labels": ["__param_target"], "target_label": "instance"},
                {"target_label": "__address__", "replacement": f"127.0.0.1:{self.ports.blackbox}"},
            ],
        }

    def _alertmanager(self, group_wait_s: float) -> dict[str, object]:
        hook = {
            "url": f"http://127.0.0.1:{self.ports.agent}/alert",
            "send_resolved": True,
            "http_config": {"authorization": {"type": "Bearer", "credentials": self.token}},
        }
        route = {
            "receiver": "nightshift",
            "group_by": ["alertname"],
            "group_wait": f"{int(group_wait_s * 1000)}ms",
            "group_interval": "1s",
            "repeat_interval": "4h",
        }
        return {"route": route, "receivers": [{"name": "nightshift", "webhook_configs": [hook]}]}


def _static(port: int) -> dict[str, object]:
    return {"static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}


def _required(names: Sequence[str]) -> str:
    path = program(names)
    if path is None:
        raise NotReady(f"{names[0]} is not installed")
    return path


async def _answers(url: str) -> bool:
    async with httpx.AsyncClient(trust_env=False, timeout=2) as http:
        try:
            return (await http.get(url)).is_success
        except httpx.TransportError:
            return False


async def until(
    true: Callable[[], Awaitable[bool]],
    complaint: str,
    monitoring: Monitoring,
    name: str,
    *,
    seconds: float = 30.0,
) -> None:
    """Wait for something a child process brings about. Raises NotReady with its last words."""
    end = time.monotonic() + seconds
    while not await true():
        code = monitoring.processes.ended(name)
        if code is not None or time.monotonic() > end:
            why = f"it ended with {code}" if code is not None else f"not within {seconds:g} s"
            words = monitoring.processes.last_words(name)
            raise NotReady(f"{complaint}: {why}\n{words}")
        await asyncio.sleep(0.1)
