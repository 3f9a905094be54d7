"""Which series speak about a container or a host, by address. Not here: asking Prometheus."""

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from domain.facts import ContainerFacts
from domain.metrics import Sample
from policy.locate import LOOPBACK, answers_at

_PORTS = {"http": 80, "https": 443}


def address(value: str) -> tuple[str, int | None]:
    """Host and port of a URL, `host:port` or `host`; an empty host where there is none."""
    try:
        parts = urlsplit(value if "://" in value else f"//{value}")
        return parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return "", None


def about_host(samples: Iterable[Sample], names: set[str]) -> list[Sample]:
    """The samples whose `target`, `instance` or `nodename` is one of these hosts."""
    return [one for one in samples if _hosts(one.labels) & names]


def _hosts(labels: Mapping[str, str]) -> set[str]:
    told = (labels.get("target"), labels.get("instance"), labels.get("nodename"))
    return {address(value)[0] for value in told if value} - {""}


def about_container(
    samples: Iterable[Sample], facts: ContainerFacts, addresses: Mapping[str, list[str]]
) -> list[Sample]:
    """The samples of probes that ask this container at a name or address of its own."""
    known = {facts.target.host: list(LOOPBACK), **addresses}
    return [one for one in samples if _asks(one.labels, facts, known)]


def _asks(
    labels: Mapping[str, str], facts: ContainerFacts, addresses: Mapping[str, list[str]]
) -> bool:
    host, port = address(labels.get("target") or labels.get("instance", ""))
    return bool(host) and answers_at(facts, host, port, addresses)
