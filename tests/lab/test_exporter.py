import asyncio
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from lab.exporter import Containers, Volumes
from lab.scenario import Service
from tests.lab.conftest import Bench


def series(text: str) -> set[str]:
    """Metric names with the names of their labels."""
    rows = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {re.sub(r'="(?:[^"\\]|\\.)*"', "", row).split(" ")[0] for row in rows}


@pytest.mark.stack
async def test_metrics_are_named_as_the_real_exporters_name_them(bench: Bench, data: Path) -> None:
    """Every series of the recording is there, with the same labels."""
    await asyncio.to_thread(bench.fleet.up, [Service(name="web", memory="32m")])
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Containers(bench.fleet.client, bench.fleet.lab_id, bench.recorder.ooms))

    recorded = series((data / "exporter_metrics.txt").read_text())
    found: set[str] = set()
    async with asyncio.timeout(15):
        while not found >= recorded:
            found = series((await asyncio.to_thread(generate_latest, registry)).decode())
            await asyncio.sleep(0.2)  # Docker samples usage once a second

    assert found >= recorded


@pytest.mark.stack
async def test_a_volume_is_measured_at_its_place_on_the_host(bench: Bench) -> None:
    """Size and room of the volume, under the mount point that `docker inspect` tells."""
    await asyncio.to_thread(bench.fleet.up, [Service(name="web", volumes={"/data": "4m"})])
    fleet = bench.fleet
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Volumes(fleet.client, lambda: (fleet.holder, fleet.volumes)))

    mounts = fleet.look("web").facts["Mounts"]
    labels = {"device": "tmpfs", "fstype": "tmpfs", "mountpoint": mounts[0]["Source"]}
    size = await asyncio.to_thread(registry.get_sample_value, "node_filesystem_size_bytes", labels)

    assert size == 4 * 1024**2
