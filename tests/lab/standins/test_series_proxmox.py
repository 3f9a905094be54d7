"""The exporter's series of a simulated cluster, as the stand-in Prometheus serves them."""

from collections.abc import AsyncIterator

import pytest

from lab.cluster import Cluster
from lab.standins.functions import Item
from lab.standins.prometheus import Prometheus
from lab.standins.series_proxmox import cluster_series
from tests.proxmox_rig import shop


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    """The shop, all well."""
    made = shop()
    yield made
    await made.aclose()


def ask(cluster: Cluster, query: str) -> dict[str, float]:
    """The values by `id` after one scrape."""
    prometheus = Prometheus()
    prometheus.watch(cluster_series(cluster))
    prometheus.scrape()
    found = prometheus.query(query)
    assert not isinstance(found, float)
    return {one.labels.get("id", ""): one.value for one in found if isinstance(one, Item)}


async def test_up_is_told_of_nodes_and_guests(cluster: Cluster) -> None:
    """By `lxc/101`, `qemu/102`, `node/pve1`; a paused machine is not up."""
    cluster.break_("web", "stopped")
    cluster.break_("db", "paused")

    assert ask(cluster, "pve_up") == {
        "node/pve1": 1,
        "node/pve2": 1,
        "lxc/101": 0,
        "qemu/102": 0,
        "lxc/103": 1,
        "qemu/104": 1,
    }


async def test_info_carries_name_node_and_type(cluster: Cluster) -> None:
    """What alerts are joined with."""
    assert ask(cluster, 'pve_guest_info{name="db",node="pve1",type="qemu"}') == {"qemu/102": 1}
    assert ask(cluster, 'pve_node_info{name="pve2"}') == {"node/pve2": 1}


async def test_a_full_container_shows_it(cluster: Cluster) -> None:
    """Usage against size."""
    cluster.break_("web", "memory_full")
    ratio = 'pve_memory_usage_bytes{id="lxc/101"} / pve_memory_size_bytes'

    assert ask(cluster, ratio) == {"lxc/101": 1.0}


async def test_locks_and_ha_are_states(cluster: Cluster) -> None:
    """One series a word, 1 at the present one."""
    cluster.break_("web", "locked")
    cluster.break_("win", "ha_error")

    assert ask(cluster, 'pve_lock_state{state="backup"} == 1') == {"lxc/101": 1}
    assert ask(cluster, 'pve_ha_state{state="error"} == 1') == {"qemu/104": 1}


async def test_of_a_dead_node_only_names_are_left(cluster: Cluster) -> None:
    """Down, and no sizes: nobody measures there."""
    cluster.break_("pve2", "node_offline")

    assert ask(cluster, 'pve_up{id=~"node/pve2|lxc/103"}') == {"node/pve2": 0, "lxc/103": 0}
    assert ask(cluster, 'pve_memory_usage_bytes{id=~"node/pve2|lxc/103"}') == {}
    assert ask(cluster, 'pve_guest_info{node="pve2"}') != {}
