import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.alert import Alert
from domain.facts import ContainerFacts, Mount, Network, Port
from domain.target import Found, NotLocated
from nightshift.testing import container, firing
from policy.locate import answers_at, locate

WEB, DB = container("web"), container("db")
SERVED = container(
    "api",
    ports=[Port(container="8080/tcp", host_ip="127.0.0.1", host_port=43263)],
    networks=[Network(name="shop_default", aliases=["backend"], ip="172.18.0.5")],
    mounts=[Mount(kind="bind", source="/srv/api/data", destination="/data", writable=True)],
)
POOL = [WEB, DB, SERVED]
HERE = {"local": ["127.0.0.1", "localhost"]}
PROBE = "BlackboxProbeFailed"


def find(alert: Alert, pool: list[ContainerFacts] | None = None) -> str:
    """The located name, or an empty string."""
    place = locate(alert, POOL if pool is None else pool, HERE)
    return place.target.name if isinstance(place, Found) else ""


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        ({"id": f"/docker/{DB.target.id}"}, "db"),
        ({"id": f"/system.slice/docker-{DB.target.id}.scope"}, "db"),
        ({"container_id": WEB.target.id}, "web"),
        ({"name": "web"}, "web"),
        ({"container": "web"}, "web"),
        ({"container_name": "/web"}, "web"),
        ({"container_label_com_docker_compose_service": "db"}, "db"),
        ({"compose_service": "db", "compose_project": "shop"}, "db"),
        ({"compose_service": "db", "compose_project": "other"}, ""),
        ({"mountpoint": "/srv/api"}, "api"),
        ({"mountpoint": "/srv/ap"}, ""),
        ({"instance": "cadvisor:8080", "job": "cadvisor"}, ""),
    ],
)
def test_finds_by_exact_labels(labels: dict[str, str], name: str) -> None:
    """An id, a name, a compose service or a mount point names one container."""
    assert find(firing("ContainerDown", **labels)) == name


@pytest.mark.parametrize(
    ("instance", "name"),
    [
        ("http://127.0.0.1:43263/health", "api"),
        ("localhost:43263", "api"),
        ("http://backend:8080", "api"),
        ("172.18.0.5:8080", "api"),
        ("http://web/", "web"),
        ("http://127.0.0.1:1", ""),
        ("http://192.0.2.7:43263", ""),
        ("http://127.0.0.1:notaport/", ""),
        ("http://[::1", ""),
    ],
)
def test_finds_what_a_probe_reaches(instance: str, name: str) -> None:
    """A probed URL leads to the container behind its published port, alias or address."""
    assert find(firing(PROBE, instance=instance)) == name


@pytest.mark.parametrize("value", ["we", "w.*", "web*", "WEB", "web ", ".*", WEB.target.id[:12]])
def test_never_matches_a_part_or_a_pattern(value: str) -> None:
    """A prefix, a pattern or a short id is not a name."""
    assert find(firing("ContainerDown", name=value)) == ""


def test_two_hosts_with_the_name_is_nobody() -> None:
    """The same name on two hosts is ambiguous, and both are named."""
    pool = [container("web", host="one"), container("web", host="two")]

    place = locate(firing("ContainerDown", name="web"), pool, HERE)

    assert isinstance(place, NotLocated)
    assert place.candidates == ["container:one/web", "container:two/web"]


def test_id_and_name_that_disagree_are_nobody() -> None:
    """An alert whose id is one container and whose name is another names none."""
    alert = firing("ContainerDown", id=DB.target.id, name="web")

    place = locate(alert, POOL, HERE)

    assert isinstance(place, NotLocated)
    assert place.candidates == [DB.target.key]


def test_id_agrees_with_the_service_name() -> None:
    """CAdvisor's name may be the service of a container with a longer name."""
    long = container("shop-web-1", target=WEB.target.model_copy(update={"name": "shop-web-1"}))

    assert find(firing("ContainerDown", id=WEB.target.id, name="web"), [long]) == "shop-web-1"


def test_two_replicas_of_a_service_are_nobody() -> None:
    """A service with two containers is not one container."""
    pool = [container(f"web-{n}", target=container(f"web-{n}").target) for n in (1, 2)]
    twins = [
        facts.model_copy(update={"target": facts.target.model_copy(update={"service": "web"})})
        for facts in pool
    ]

    assert find(firing("ContainerDown", compose_service="web"), twins) == ""


def test_tells_the_labels_that_were_tried() -> None:
    """People learn which labels led nowhere."""
    place = locate(firing("ContainerDown", name="gone", compose_service="gone"), POOL, HERE)

    assert place.tried == ["name=gone", "compose_service=gone"]


@given(st.dictionaries(st.sampled_from(["name", "id", "instance", "target", "service"]), st.text()))
def test_hostile_labels_find_nobody_else(labels: dict[str, str]) -> None:
    """Whatever the labels hold: no error, and only exact names find anybody."""
    found = find(firing(PROBE, severity="info", **labels))

    assert found == "" or any(found in value or value == "backend" for value in labels.values())


@pytest.mark.parametrize("name", ["ContainerKilled_firing.json", "BlackboxProbeFailed_firing.json"])
def test_recorded_alerts_name_their_container(data: Path, name: str) -> None:
    """Alerts recorded from a real Alertmanager are located by their labels."""
    body = json.loads((data / "webhook" / name).read_text())
    labels = body["alerts"][0]["labels"]
    wanted = labels.get("name") or "probed"
    port = Port(container="80/tcp", host_ip="", host_port=_port(labels.get("instance", "")))
    pool = [container(wanted, ports=[port]), WEB]

    assert find(firing(labels.pop("alertname"), **labels), pool) == wanted


def _port(instance: str) -> int:
    return int(instance.rsplit(":", 1)[-1].split("/")[0]) if "://" in instance else 0


def test_an_address_counts_only_on_its_host() -> None:
    """A published port is reached under the addresses of its own host."""
    elsewhere = {"other": ["127.0.0.1"]}

    assert not answers_at(SERVED, "127.0.0.1", 43263, elsewhere)
