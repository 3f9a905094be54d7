import ssl
from collections.abc import AsyncIterator

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from lab.processes import free_port
from lab.scenario import Step
from lab.scenario_cluster import Datacenter, Guest
from lab.site import Guests, Site
from lab.standins.series_proxmox import cluster_series

PART = Datacenter(
    nodes=["pve1", "pve2"],
    guests=[Guest(name="nas", memory_mib=1024), Guest(name="router", kind="vm", node="pve2")],
)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """Docker runs in `nas`."""
    site = Site(PART, "nas")
    async with site.open(free_port()):
        yield site


async def test_an_agent_is_told_where_the_cluster_is(site: Site) -> None:
    """Its address answers by HTTPS under the authority that is named, and the token is taken."""
    env = site.env()
    token = f"PVEAPIToken={env['PROXMOX_USER']}={env['PROXMOX_TOKEN_VALUE']}"
    async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=env["PROXMOX_CA"])) as h:
        url = f"https://{env['PROXMOX_HOST']}/api2/json/cluster/resources?type=vm"
        listed = (await h.get(url, headers={"Authorization": token})).json()["data"]

    assert {one["name"] for one in listed} == {"nas", "router"}
    assert env["DOCKER_GUESTS"] == "nas=lxc/101"
    assert env["DOCKER_HOSTS"].startswith("nas=tcp://127.0.0.1:")


async def test_docker_is_down_with_its_guest(site: Site) -> None:
    """And with the node of its guest, but not with another."""
    site.break_(Step(kind="node_offline", node="pve2"))
    other = site.docker_is_up()
    site.break_(Step(kind="node_offline", node="pve1"))
    down = site.docker_is_up()
    site.break_(Step(kind="node_back", node="pve1"))

    assert (other, down, site.docker_is_up()) == (True, False, True)


async def test_what_was_done_and_what_changed_is_the_clusters_own_word(site: Site) -> None:
    """Deeds are the calls that came in; a portrait tells a start and a new limit."""
    before = site.portrait("nas")
    site.break_(Step(kind="break_guest", guest="nas", fault="stopped"))
    site.cluster.note("start_guest", "nas", 200)

    assert [deed.act for deed in site.deeds()] == ["start_guest nas"]
    assert before["status"] == "running"
    assert site.portrait("nas")["status"] == "stopped"


async def test_the_exporter_speaks_as_the_real_one(site: Site) -> None:
    """Names and labels of prometheus-pve-exporter, without those that a scrape adds."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Guests(cluster_series(site.cluster)))
    text = generate_latest(registry).decode()

    assert 'pve_up{id="lxc/101"} 1.0' in text
    assert 'pve_up{id="node/pve2"} 1.0' in text
    assert 'pve_onboot_status{id="lxc/101",node="pve1",type="lxc"} 1.0' in text
    assert "instance=" not in text
