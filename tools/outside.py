"""Which outside series (probes, file systems) speak about a container. Not here: HTTP."""

from collections.abc import Iterable, Mapping
from math import isfinite
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from domain.facts import ContainerFacts
from domain.metrics import Sample
from policy.locate import LOOPBACK, NAME_LABELS, answers_at

Addresses = Mapping[str, list[str]]
_PORTS = {"http": 80, "https": 443}


def place(sample: Sample) -> tuple[str, int | None]:
    """Host and port that a sample's `target` or `instance` names: a URL, `host:port` or `host`.

    The host is empty where neither can be read; the port is None where none is told.
    """
    value = sample.labels.get("target") or sample.labels.get("instance", "")
    try:
        parts = urlsplit(value if "://" in value else f"//{value}")
        return parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return "", None


def probes_of(
    samples: Iterable[Sample], facts: ContainerFacts, addresses: Addresses
) -> list[Sample]:
    """The `probe_success` samples about this container.

    Those that carry its name as a label, or probe its name, alias or address, or a port it
    publishes at an address of its host (`addresses`; loopback for a host not listed there).
    """
    known = {facts.target.host: list(LOOPBACK), **addresses}
    return [sample for sample in samples if _is_about(sample, facts, known)]


def _is_about(sample: Sample, facts: ContainerFacts, addresses: Addresses) -> bool:
    named = [sample.labels[label] for label in NAME_LABELS if label in sample.labels]
    if named:
        return facts.target.name in named
    host, port = place(sample)
    return bool(host) and answers_at(facts, host, port, addresses)


def volumes_of(
    samples: Iterable[Sample], facts: ContainerFacts, addresses: Addresses
) -> list[Sample]:
    """The file systems under its mounts: one sample a mount point, the longest prefix wins.

    Empty where several node exporters answer and none is known to be its host's.
    """
    own = _of_host(list(samples), facts, addresses)
    points = {_longest(own, mount.source) for mount in facts.mounts} - {""}
    return [_fullest(own, point) for point in sorted(points)]


def _of_host(samples: list[Sample], facts: ContainerFacts, addresses: Addresses) -> list[Sample]:
    usable = [one for one in samples if one.labels.get("mountpoint") and isfinite(one.value)]
    instances = {sample.labels.get("instance", "") for sample in usable}
    if len(instances) <= 1:
        return usable
    known = {facts.target.host, *addresses.get(facts.target.host, ())}
    return [one for one in usable if {one.labels.get("nodename"), place(one)[0]} & known]


def _longest(samples: list[Sample], path: str) -> str:
    """The mount point that carries `path`, or nothing."""
    if not path.startswith("/"):
        return ""
    points = {sample.labels["mountpoint"] for sample in samples}
    carrying = [point for point in points if PurePosixPath(path).is_relative_to(point)]
    return max(carrying, key=len, default="")


def _fullest(samples: list[Sample], point: str) -> Sample:
    """Of what is mounted there (one over the other), the one with the least room."""
    here = (sample for sample in samples if sample.labels["mountpoint"] == point)
    return min(here, key=lambda sample: sample.value)
