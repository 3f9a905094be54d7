"""Which probe and which file system belong to a container."""

import pytest

from domain.facts import ContainerFacts, Mount, Network, Port
from domain.metrics import Sample
from nightshift.testing import T0, container
from tools.outside import place, probes_of, volumes_of

ADDRESSES = {"local": ["127.0.0.1", "nas.lan"], "other": ["10.0.0.2"]}


def sample(value: float = 1.0, **labels: str) -> Sample:
    """One series."""
    return Sample(labels=labels, value=value, at=T0)


def web(host: str = "local") -> ContainerFacts:
    """It publishes 8080 and answers to `www` inside."""
    return container(
        "web",
        host=host,
        ports=[Port(container="80/tcp", host_ip="", host_port=8080)],
        networks=[Network(name="n", aliases=["www"], ip="172.18.0.5")],
    )


@pytest.mark.parametrize(
    ("labels", "belongs"),
    [
        ({"instance": "http://127.0.0.1:8080/health"}, True),
        ({"instance": "http://nas.lan:8080"}, True),
        ({"instance": "http://10.0.0.2:8080"}, False),
        ({"instance": "https://example.org:8080"}, False),
        ({"instance": "http://127.0.0.1:8081"}, False),
        ({"instance": "http://127.0.0.1"}, False),
        ({"instance": "www:80"}, True),
        ({"instance": "172.18.0.5"}, True),
        ({"instance": "blackbox:9115", "target": "http://web/"}, True),
        ({"instance": "http://127.0.0.1:8080", "name": "other"}, False),
        ({"instance": "http://elsewhere", "container": "web"}, True),
        ({"instance": "http://[bad:8080"}, False),
        ({}, False),
    ],
)
def test_a_probe_belongs_by_name_address_or_published_port(
    labels: dict[str, str], belongs: bool
) -> None:
    """A label that names a container decides; else its names, or a port at its host's address."""
    assert bool(probes_of([Sample(labels=labels, value=1, at=T0)], web(), ADDRESSES)) is belongs


def test_a_host_that_is_not_listed_is_reached_by_loopback() -> None:
    """Without addresses only the machine itself is known."""
    found = probes_of([sample(instance="http://localhost:8080")], web("unlisted"), {})

    assert len(found) == 1


@pytest.mark.parametrize(
    ("instance", "expected"),
    [("http://a", ("a", 80)), ("https://a/x", ("a", 443)), ("a:1", ("a", 1)), ("a", ("a", None))],
)
def test_places_are_read_from_urls_and_addresses(
    instance: str, expected: tuple[str, int | None]
) -> None:
    """A URL's scheme gives the port that it leaves out."""
    assert place(sample(instance=instance)) == expected


def mounted(*sources: str) -> ContainerFacts:
    """A container with these host paths mounted."""
    mounts = [Mount(kind="bind", source=one, destination="/d", writable=True) for one in sources]
    return container("db", mounts=mounts)


def test_the_longest_mount_point_carries_a_path() -> None:
    """`/srv/database` is not under `/srv/data`."""
    disks = [sample(0.5, mountpoint=at, instance="n") for at in ("/", "/srv/data", "/srv")]

    found = volumes_of(disks, mounted("/srv/database/x", "/srv/data", "tmpfs"), {})

    assert [one.labels["mountpoint"] for one in found] == ["/srv", "/srv/data"]


def test_of_two_hosts_only_its_own_counts() -> None:
    """Every node has a `/`: without knowing which is whose there is no answer."""
    disks = [sample(0.1, mountpoint="/", instance="10.0.0.2:9100")]
    disks += [sample(0.9, mountpoint="/", instance="nas.lan:9100")]

    assert [one.value for one in volumes_of(disks, mounted("/x"), ADDRESSES)] == [0.9]
    assert volumes_of(disks, mounted("/x"), {}) == []


def test_a_size_of_zero_says_nothing() -> None:
    """0/0 is not a full disk."""
    disks = [sample(float("nan"), mountpoint="/", instance="n")]

    assert volumes_of(disks, mounted("/x"), {}) == []
