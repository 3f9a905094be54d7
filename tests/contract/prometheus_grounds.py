"""Two grounds for the metrics suite: the stand-in and a real Prometheus, fed the same samples."""

import asyncio
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import requests
import yaml
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lab.standins.history import Sample
from lab.standins.prometheus import Prometheus
from lab.standins.rules import Rule

RULES = (
    Rule(
        name="ShopDown",
        expr="shop_up == 0",
        labels={"severity": "critical"},
        annotations={"summary": "{{ $labels.name }} is down"},
    ),
    Rule(name="ShopSlow", expr="shop_slow == 1", for_s=3600),
)
STEP_S = 0.2


class Ground(Protocol):
    """A Prometheus whose samples the test sets."""

    url: str

    async def show(self, *samples: Sample) -> None:
        """Expose these samples and no others, and wait until they have been scraped."""

    def frozen(self) -> AbstractContextManager[None]:
        """A context in which it takes requests and never answers."""


class StandinGround:
    """The stand-in in this process."""

    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus = prometheus
        self._samples: tuple[Sample, ...] = ()
        prometheus.watch(lambda: self._samples)
        self.url = prometheus.url

    async def show(self, *samples: Sample) -> None:
        """A scrape stores the samples and runs the rules."""
        self._samples = samples
        self._prometheus.scrape()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Every route hangs."""
        self._prometheus.faults.add("/api/v1", delay_s=30)
        try:
            yield
        finally:
            self._prometheus.faults.clear()


class _Exporter(Collector):
    """Exposes the samples of the moment."""

    def __init__(self) -> None:
        self.samples: tuple[Sample, ...] = ()

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        for sample in self.samples:
            family = GaugeMetricFamily(sample.name, "a test's sample", labels=list(sample.labels))
            family.add_metric(list(sample.labels.values()), sample.value, timestamp=sample.at)
            yield family


class RealGround:
    """A Prometheus process that scrapes this one."""

    def __init__(self, binary: str, directory: Path) -> None:
        self._exporter = _Exporter()
        registry = CollectorRegistry()
        registry.register(self._exporter)
        self._server, self._thread = start_http_server(0, addr="127.0.0.1", registry=registry)
        self._round = 0
        self.url = f"http://127.0.0.1:{_free_port()}"
        self._process = _start(binary, directory, self.url, self._server.server_port)
        self._wait_ready()

    async def show(self, *samples: Sample) -> None:
        """Wait until a scrape after the change has been stored, and rules ran after it."""
        self._round += 1
        marker = Sample(name="shop_round", value=float(self._round))
        self._exporter.samples = (*samples, marker)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            if await asyncio.to_thread(self._rounds_seen) == self._round:
                break
            await asyncio.sleep(STEP_S / 2)
        await asyncio.sleep(2 * STEP_S)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The process is stopped: the kernel still takes connections."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End the process and the exporter."""
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        self._process.wait(timeout=10)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def _rounds_seen(self) -> float:
        answer = requests.get(
            f"{self.url}/api/v1/query", params={"query": "shop_round"}, timeout=5
        ).json()
        found = answer["data"]["result"]
        return float(found[0]["value"][1]) if found else 0.0

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                if requests.get(f"{self.url}/-/ready", timeout=2).status_code == 200:
                    return
            except requests.ConnectionError:
                pass
            time.sleep(0.1)
        self.close()
        raise TimeoutError("the real Prometheus did not get ready")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(binary: str, directory: Path, url: str, exporter_port: int) -> "subprocess.Popen[bytes]":
    scrape = {
        "job_name": "shop",
        "honor_labels": True,
        "static_configs": [{"targets": [f"127.0.0.1:{exporter_port}"]}],
    }
    step = f"{STEP_S * 1000:.0f}ms"
    config = {
        "global": {"scrape_interval": step, "scrape_timeout": step, "evaluation_interval": step},
        "rule_files": ["rules.yml"],
        "scrape_configs": [scrape],
    }
    rules = [_written(rule) for rule in RULES]
    (directory / "rules.yml").write_text(
        yaml.safe_dump({"groups": [{"name": "shop", "rules": rules}]})
    )
    (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
    return subprocess.Popen(
        [
            binary,
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address={url.removeprefix('http://')}",
            "--log.level=error",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _written(rule: Rule) -> dict[str, object]:
    return {
        "alert": rule.name,
        "expr": rule.expr,
        "for": f"{rule.for_s:.0f}s",
        "labels": dict(rule.labels),
        "annotations": dict(rule.annotations),
    }
