"""Which guest or node an alert is about, by exact labels. Not here: containers.

Source of the label names: prometheus-pve-exporter (`id`, `vmid`, `name`, `node`), node exporter.
"""

import re
from collections.abc import Callable

from domain.alert import Alert
from domain.guests import GuestFacts, GuestInventory, NodeFacts
from domain.target import Found, Location, NotLocated, Target
from policy.locate import NAME_LABELS, PROJECT_LABELS, SERVICE_LABELS
from policy.samples import address

GUEST_LABELS = ("guest", *NAME_LABELS)
PATH_LABELS = ("id", "guest", "name", "instance")
"""Labels that may hold a guest's path, `lxc/101`, as the Proxmox exporter's `id` does."""
HOST_LABELS = ("nodename", "node", "host", "hostname", "instance", "target")
_PATH = re.compile(r"(lxc|qemu|node)/([A-Za-z0-9.-]+)")

Pool = list[GuestFacts]
Rule = Callable[[Alert, GuestInventory], tuple[str, list[Target]]]


def speaks_of_guests(alert: Alert) -> bool:
    """Does it carry a label that only guests and nodes have?"""
    given = alert.labels
    return bool(_path(alert)[1] or given.get("vmid") or given.get("guest"))


def locate_guest(alert: Alert, cluster: GuestInventory) -> Location:
    """The one guest or node that the alert's labels name, else who was considered and why.

    Rules go from exact to indirect; the first whose label the alert carries decides. An id and
    a name that disagree are nobody's.
    """
    tried: list[str] = []
    for rule in (_by_path, _by_number, _by_name, _by_host):
        label, found = rule(alert, cluster)
        tried += [label] if label else []
        if len(found) == 1 and _agrees(alert, found[0]):
            return Found(target=found[0], tried=tried)
        if label:
            return NotLocated(candidates=[name_of(one) for one in found], tried=tried)
    return NotLocated(candidates=[], tried=tried)


def name_of(target: Target) -> str:
    """How a candidate is told: `web (lxc/101 on pve1)`."""
    return f"{target.name} ({target.path} on {target.host})"


def _first(alert: Alert, labels: tuple[str, ...]) -> tuple[str, str]:
    return next(
        ((label, alert.labels[label]) for label in labels if alert.labels.get(label)), ("", "")
    )


def _targets(facts: list[GuestFacts] | list[NodeFacts]) -> list[Target]:
    return [one.target for one in facts]


def _pool(alert: Alert, cluster: GuestInventory) -> Pool:
    """The guests, narrowed to the node that the alert names, if it names one."""
    named = cluster.node(alert.labels.get("node", ""))
    return [one for one in cluster.guests if not named or one.target.host == named.target.name]


def _by_path(alert: Alert, cluster: GuestInventory) -> tuple[str, list[Target]]:
    label, path = _path(alert)
    if not path:
        return "", []
    everyone = [*_targets(cluster.guests), *_targets(cluster.nodes)]
    return f"{label}={path}", [one for one in everyone if one.path == path]


def _path(alert: Alert) -> tuple[str, str]:
    """The first label that holds a path, and the path."""
    given = ((label, alert.labels.get(label, "")) for label in PATH_LABELS)
    return next(((label, path) for label, path in given if _PATH.fullmatch(path)), ("", ""))


def _by_number(alert: Alert, cluster: GuestInventory) -> tuple[str, list[Target]]:
    number = alert.labels.get("vmid", "")
    found = [one for one in _targets(_pool(alert, cluster)) if one.id == number]
    return (f"vmid={number}" if number else ""), found


def _by_name(alert: Alert, cluster: GuestInventory) -> tuple[str, list[Target]]:
    label, name = _first(alert, GUEST_LABELS)
    found = [one for one in _targets(_pool(alert, cluster)) if one.name == name]
    return (f"{label}={name}" if name else ""), found


def _by_host(alert: Alert, cluster: GuestInventory) -> tuple[str, list[Target]]:
    """A node or guest by its own name, where no label speaks of a container or service."""
    if _first(alert, (*SERVICE_LABELS, *PROJECT_LABELS))[0]:
        return "", []
    everyone = [*_targets(cluster.nodes), *_targets(cluster.guests)]
    for label in HOST_LABELS:
        name = address(alert.labels.get(label, ""))[0]
        found = [one for one in everyone if name and one.name == name]
        if found:
            return f"{label}={alert.labels[label]}", found
    label, value = _first(alert, HOST_LABELS)
    return (f"{label}={value}" if label else ""), []


def _agrees(alert: Alert, target: Target) -> bool:
    """Do number and name, where both are told, belong to the same one?"""
    number, name = alert.labels.get("vmid"), alert.labels.get("guest") or alert.labels.get("name")
    ids = speaks_of_guests(alert) and target.kind != "node"
    fits = name in (None, "", target.path, target.name)
    return not ids or (number in (None, "", target.id) and fits)
