"""Where an alert's trouble lies: in a container, a guest, a node, or in what these stand on.

Not here: the labels of each (locate.py, locate_guest.py), or asking anybody.
"""

from domain.alert import Alert
from domain.facts import ContainerFacts, Inventory
from domain.guests import GuestInventory
from domain.limits import Limits
from domain.target import Found, Location, NotLocated
from policy.ground import Bearer, under_docker, what_is_down, words
from policy.locate import HOST_LABELS, locate
from policy.locate_guest import locate_guest, speaks_of_guests

BOOT_S = 300.0
"""How long Docker may take to answer after its host was started."""


def place(alert: Alert, docker: Inventory, cluster: GuestInventory, limits: Limits) -> Location:
    """The one target to work on. What is down below it is the target in its stead (`via`)."""
    if speaks_of_guests(alert):
        return _grounded(locate_guest(alert, cluster), cluster)
    found = locate(alert, docker.containers, limits.addresses)
    if isinstance(found, Found):
        return _lowered(found, docker.containers, cluster, limits)
    if found.candidates:
        return found
    named = alert.labels.get("docker_host", "") in docker.unreachable
    others = locate_guest(alert, cluster)
    if isinstance(others, NotLocated):
        tried = list(dict.fromkeys([*found.tried, *others.tried]))
        others = others.model_copy(update={"tried": tried})
    if named or (isinstance(others, NotLocated) and not others.candidates):
        lost = _out_of_reach(alert, found.tried, docker, cluster, limits)
        return lost or _grounded(others, cluster)
    return _grounded(others, cluster)


def named_and_silent(alert: Alert, docker: Inventory) -> str:
    """The Docker host that the alert names and that does not answer, or an empty string."""
    named = [alert.labels[label] for label in HOST_LABELS if alert.labels.get(label)]
    return next((host for host in docker.unreachable if host in named), "")


def booting(docker: Inventory, cluster: GuestInventory, limits: Limits) -> str:
    """The silent Docker host whose guest or node has only just booted: it may yet answer."""
    for host in docker.unreachable:
        foot = under_docker(host, cluster, limits.docker_guests)
        young = foot and not what_is_down(foot.bearer, cluster) and foot.bearer.well
        if foot and young and foot.bearer.uptime_s < BOOT_S:
            return (
                f"Docker on {host} does not answer yet; {foot.bearer.target.name} has just booted"
            )
    return ""


def _grounded(place: Location, cluster: GuestInventory) -> Location:
    """A guest on a node that is offline cannot be helped: the node is what is down."""
    guest = cluster.guest(place.target) if isinstance(place, Found) else None
    below = what_is_down(guest, cluster) if guest else None
    if below is None or isinstance(place, NotLocated) or below.target == place.target:
        return place
    via = f"{place.target.name} stands on it, and {words(below)}"
    return Found(target=below.target, tried=place.tried, via=via)


def _lowered(
    place: Found, containers: list[ContainerFacts], cluster: GuestInventory, limits: Limits
) -> Found:
    """A container that is not well on a host that is known to be down: the host is the target.

    Where only the names of host and guest agree, a Docker that answers is believed instead.
    """
    facts = next(one for one in containers if one.target == place.target)
    foot = under_docker(facts.target.host, cluster, limits.docker_guests)
    below = what_is_down(foot.bearer, cluster) if foot and foot.told else None
    if facts.well or below is None:
        return place
    via = f"{place.target.name} stands on it, and {words(below)}"
    return Found(target=below.target, tried=place.tried, via=via)


def _out_of_reach(
    alert: Alert, tried: list[str], docker: Inventory, cluster: GuestInventory, limits: Limits
) -> Found | None:
    """What is down below the Docker host that the alert names, or below the only silent one."""
    named = [alert.labels[one] for one in HOST_LABELS if alert.labels.get(one)]
    hosts = [host for host in docker.unreachable if host in named]
    elsewhere = "docker_host" in alert.labels or any(
        facts.target.host in named for facts in docker.containers
    )
    if not hosts and (elsewhere or not tried):
        return None
    down = {host: _down_under(host, cluster, limits) for host in hosts or docker.unreachable}
    lost = [(host, bearer) for host, bearer in down.items() if bearer]
    if len(lost) != 1:
        return None
    host, bearer = lost[0]
    via = f"Docker on {host} is out of reach, and {words(bearer)}"
    return Found(target=bearer.target, tried=tried, via=via)


def _down_under(host: str, cluster: GuestInventory, limits: Limits) -> Bearer | None:
    foot = under_docker(host, cluster, limits.docker_guests)
    return what_is_down(foot.bearer, cluster) if foot else None
