"""What settings and the machine make of policy's limits."""

import socket

import pytest
from pydantic import SecretStr

from domain.facts import Port
from nightshift.bounds import addresses, bounded
from nightshift.settings import Settings
from nightshift.testing import container, target
from policy.protect import needed_by_us

HERE = ["127.0.0.1", "localhost", "::1", socket.gethostname()]


@pytest.mark.parametrize(
    ("hosts", "more", "found"),
    [
        ({}, {}, {"local": ["local", *HERE]}),
        ({"nas": "tcp://10.0.0.7:2375"}, {}, {"nas": ["nas", "10.0.0.7"]}),
        ({"nas": "ssh://root@nas.lan"}, {}, {"nas": ["nas", "nas.lan"]}),
        ({"here": "unix:///run/docker.sock"}, {}, {"here": ["here", *HERE]}),
        ({"demo": "tcp://127.0.0.1:4000"}, {}, {"demo": ["demo", *HERE]}),
        ({"nas": "tcp://10.0.0.7:2375"}, {"nas": "shop.lan 10.8.0.7"},
         {"nas": ["nas", "10.0.0.7", "shop.lan", "10.8.0.7"]}),
    ],
)  # fmt: skip
def test_where_published_ports_answer(
    hosts: dict[str, str], more: dict[str, str], found: dict[str, list[str]]
) -> None:
    """At the daemon's own host, and here where the daemon is here."""
    assert addresses(hosts, more) == found


def test_what_we_need_is_protected(settings: Settings) -> None:
    """Prometheus on this machine, and our own container; an unset address protects nobody."""
    given = {"prometheus_url": "http://127.0.0.1:9090"}
    limits = bounded(settings.model_copy(update=given), own_id="0123456789ab")
    port = Port(container="9090/tcp", host_ip="0.0.0.0", host_port=9090)  # noqa: S104  # as Docker says it
    ours = container("nightshift", target=target("nightshift", id="0123456789ab" + "0" * 52))

    assert limits.needs == ["http://127.0.0.1:9090"]
    assert needed_by_us(container("prometheus", ports=[port]), limits) == "it serves 127.0.0.1:9090"
    assert needed_by_us(ours, limits) == "Nightshift itself"
    assert needed_by_us(container("web"), limits) == ""


def test_every_address_we_ask_is_protected(settings: Settings) -> None:
    """Also a proxy before a Docker socket and the dead man's switch, whose path stays secret."""
    given = {
        "docker_hosts": {"local": "unix:///var/run/docker.sock", "nas": "tcp://proxy:2375"},
        "alertmanager_url": "http://user:word@alertmanager:9093/am",
        "heartbeat_url": SecretStr("https://hc.lan/ping/0123-secret"),
        "proxmox_host": "pve1:8006",
    }
    limits = bounded(settings.model_copy(update=given), own_id="")

    assert limits.needs == [
        "http://alertmanager:9093", "https://hc.lan", "https://pve1:8006", "tcp://proxy:2375",
    ]  # fmt: skip
    assert needed_by_us(container("proxy"), limits) == "it serves proxy:2375"


def test_outside_of_a_container_nobody_is_ourselves(settings: Settings) -> None:
    """No id of our own is not everybody's id."""
    assert needed_by_us(container("web"), bounded(settings, own_id="")) == ""
