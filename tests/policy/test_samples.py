import pytest

from domain.facts import Port
from domain.metrics import Sample
from nightshift.testing import T0, container
from policy.samples import about_container, about_host, address

WEB = container(ports=[Port(container="80/tcp", host_ip="", host_port=8080)])


def sample(**labels: str) -> Sample:
    """A series with these labels."""
    return Sample(labels=labels, value=1, at=T0)


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("https://shop.example/x", ("shop.example", 443)),
        ("nas:9100", ("nas", 9100)),
        ("nas", ("nas", None)),
        ("http://[::1", ("", None)),
        ("nas:port", ("", None)),
        ("", ("", None)),
    ],
)
def test_reads_an_address(value: str, place: tuple[str, int | None]) -> None:
    """A URL, a scrape target or a name; what is none of these is nowhere."""
    assert address(value) == place


@pytest.mark.parametrize(
    ("labels", "about"),
    [
        ({"instance": "http://web:80/"}, True),
        ({"instance": "http://127.0.0.1:8080/health"}, True),
        ({"target": "http://nas.lan:8080"}, True),
        ({"instance": "http://127.0.0.1:8081/"}, False),
        ({"instance": "http://website/"}, False),
        ({}, False),
    ],
)
def test_which_series_ask_a_container(labels: dict[str, str], about: bool) -> None:
    """By its name, or a published port at an address of its host."""
    known = {"local": ["127.0.0.1", "nas.lan"]}

    assert bool(about_container([sample(**labels)], WEB, known)) is about


@pytest.mark.parametrize(
    ("labels", "about"),
    [
        ({"instance": "nas:9100"}, True),
        ({"instance": "10.0.0.9:9100", "nodename": "nas"}, True),
        ({"target": "http://nas/"}, True),
        ({"instance": "nas2:9100"}, False),
        ({}, False),
    ],
)
def test_which_series_are_of_a_host(labels: dict[str, str], about: bool) -> None:
    """Exactly its name, whatever the port."""
    assert bool(about_host([sample(**labels)], {"nas"})) is about
