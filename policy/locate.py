"""Which container an alert is about, by exact labels. Not here: looking anything up.

Source of the label names: cAdvisor's metrics, Docker Compose's labels, the blackbox exporter.
"""

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from domain.alert import Alert
from domain.facts import ContainerFacts
from domain.target import Found, Location, NotLocated, Target

ID_LABELS = ("container_id", "id")
NAME_LABELS = ("name", "container", "container_name")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SERVICE_LABELS = ("container_label_com_docker_compose_service", "compose_service", "service")
PROJECT_LABELS = ("container_label_com_docker_compose_project", "compose_project", "project")
_FULL_ID = re.compile(r"[0-9a-f]{64}")

Rule = Callable[[Alert, list[ContainerFacts]], tuple[str, list[ContainerFacts]]]


def locate(
    alert: Alert, containers: list[ContainerFacts], addresses: Mapping[str, list[str]]
) -> Location:
    """The one container that the alert's labels name, else who was considered and why.

    Rules go from exact to indirect; the first that finds anybody decides, and finding two
    is not finding one. An id and a name that disagree are nobody's. `containers` are those of
    the hosts that the alert may be about (locate_host.py).
    """
    tried: list[str] = []
    found: list[ContainerFacts] = []
    for rule in (_by_id, _by_name, _by_service, _by_url(addresses), _by_mountpoint):
        label, found = rule(alert, containers)
        if label:
            tried.append(label)
        if found:
            break
    if len(found) == 1 and _name_agrees(alert, found[0]):
        return Found(target=found[0].target, tried=tried)
    return NotLocated(candidates=[facts.target.key for facts in found], tried=tried)


def exact(alert: Alert, target: Target) -> bool:
    """Does the alert carry this container's full id, which no namesake has?"""
    _, value = _first(alert, ID_LABELS)
    return target.id in _FULL_ID.findall(value)


def _first(alert: Alert, labels: tuple[str, ...]) -> tuple[str, str]:
    return next(
        ((label, alert.labels[label]) for label in labels if alert.labels.get(label)), ("", "")
    )


def _by_id(alert: Alert, pool: list[ContainerFacts]) -> tuple[str, list[ContainerFacts]]:
    label, value = _first(alert, ID_LABELS)
    ids = set(_FULL_ID.findall(value))
    return (f"{label}={value}" if ids else ""), [f for f in pool if f.target.id in ids]


def _by_name(alert: Alert, pool: list[ContainerFacts]) -> tuple[str, list[ContainerFacts]]:
    label, value = _first(alert, NAME_LABELS)
    name = value.removeprefix("/")
    return (f"{label}={value}" if name else ""), [f for f in pool if f.target.name == name]


def _by_service(alert: Alert, pool: list[ContainerFacts]) -> tuple[str, list[ContainerFacts]]:
    label, service = _first(alert, SERVICE_LABELS)
    _, project = _first(alert, PROJECT_LABELS)
    found = [
        facts
        for facts in pool
        if service and facts.target.service == service and project in ("", facts.target.project)
    ]
    return (f"{label}={service}" if service else ""), found


def _by_url(addresses: Mapping[str, list[str]]) -> Rule:
    def rule(alert: Alert, pool: list[ContainerFacts]) -> tuple[str, list[ContainerFacts]]:
        value = alert.labels.get("target") or alert.labels.get("instance", "")
        probed = "://" in value or "probe" in alert.name.lower()
        try:
            address = urlsplit(value if "://" in value else f"//{value}")
            host, port = address.hostname or "", address.port
        except ValueError:
            return f"instance={value}", []
        if not probed or not host:
            return "", []
        return f"instance={value}", [f for f in pool if answers_at(f, host, port, addresses)]

    return rule


def answers_at(
    facts: ContainerFacts, host: str, port: int | None, addresses: Mapping[str, list[str]]
) -> bool:
    """Does this container serve at that host and port, by name, address or published port?"""
    names = {facts.target.name}.union(*(network.aliases for network in facts.networks))
    if host in names or host in {network.ip for network in facts.networks if network.ip}:
        return True
    reachable = host in addresses.get(facts.target.host, [])
    return reachable and any(published.host_port == port for published in facts.ports)


def _by_mountpoint(alert: Alert, pool: list[ContainerFacts]) -> tuple[str, list[ContainerFacts]]:
    point = alert.labels.get("mountpoint", "").rstrip("/")
    found = [
        facts
        for facts in pool
        if point and any(f"{mount.source}/".startswith(f"{point}/") for mount in facts.mounts)
    ]
    return (f"mountpoint={point}" if point else ""), found


def _name_agrees(alert: Alert, facts: ContainerFacts) -> bool:
    _, name = _first(alert, NAME_LABELS)
    return name.removeprefix("/") in ("", facts.target.name, facts.target.service)
