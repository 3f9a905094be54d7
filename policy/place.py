"""Where an alert's trouble lies: in a container, a guest, a node, or in what these stand on.

Not here: the labels of each (locate.py, locate_guest.py), or asking anybody.
"""

from domain.alert import Alert
from domain.facts import ContainerFacts, Inventory
from domain.guests import GuestInventory
from domain.limits import Limits
from domain.target import Found, Location, NotLocated
from policy.ground import Bearer, under_docker, what_is_down, words
from policy.locate import exact, locate
from policy.locate_guest import locate_guest, speaks_of_guests
from policy.locate_host import DOCKER_HOST, HOST_LABELS, Whereabouts, whereabouts

BOOT_S = 300.0
"""How long Docker may take to answer after its host was started."""


def place(alert: Alert, docker: Inventory, cluster: GuestInventory, limits: Limits) -> Location:
    """The one target to work on. What is down below it is the target in its stead (`via`)."""
    if speaks_of_guests(alert):
        return _grounded(locate_guest(alert, cluster), cluster)
    where = whereabouts(alert, docker, cluster, limits)
    pool = [facts for facts in docker.containers if facts.target.host in where.hosts]
    found = locate(alert, pool, limits.addresses)
    if isinstance(found, Found) and (not where.doubt or exact(alert, found.target)):
        return _lowered(found, docker.containers, cluster, limits)
    told = isinstance(found, Found) or where.named
    unsure = NotLocated(candidates=[], tried=found.tried, why=where.doubt if told else "")
    if isinstance(found, Found):
        return unsure
    if found.candidates:
        return found
    return _beyond(alert, unsure, where, docker, cluster, limits)


def _beyond(
    alert: Alert,
    unsure: NotLocated,
    where: Whereabouts,
    docker: Inventory,
    cluster: GuestInventory,
    limits: Limits,
) -> Location:
    """No container that is seen: a guest or node, or what is down below a silent Docker."""
    others = locate_guest(alert, cluster)
    of_docker = DOCKER_HOST in alert.labels or (bool(where.silent) and bool(unsure.tried))
    if isinstance(others, Found) and not of_docker:
        return _grounded(others, cluster)
    candidates = others.candidates if isinstance(others, NotLocated) else []
    tried = list(dict.fromkeys([*unsure.tried, *others.tried]))
    nobody = unsure.model_copy(update={"candidates": candidates, "tried": tried})
    if candidates and not where.silent:
        return nobody
    return _out_of_reach(where, unsure, docker, cluster, limits) or nobody


def named_and_silent(alert: Alert, docker: Inventory) -> str:
    """The Docker host that the alert names and that does not answer, or an empty string."""
    named = [alert.labels[label] for label in HOST_LABELS if alert.labels.get(label)]
    return next((host for host in docker.unreachable if host in named), "")


def booting(docker: Inventory, cluster: GuestInventory, limits: Limits) -> str:
    """The silent Docker host whose guest or node has only just booted: it may yet answer."""
    for host in docker.unreachable:
        foot = under_docker(host, cluster, limits.docker_guests)
        young = foot and not what_is_down(foot.bearer, cluster) and foot.bearer.well
        if foot and young and _just_booted(foot.bearer):
            return (
                f"Docker on {host} does not answer yet; {foot.bearer.target.name} has just booted"
            )
    return ""


def _just_booted(bearer: Bearer) -> bool:
    """Only where its uptime is told: else it would be given time for ever."""
    return bearer.uptime_s is not None and bearer.uptime_s < BOOT_S


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
    where: Whereabouts,
    unsure: NotLocated,
    docker: Inventory,
    cluster: GuestInventory,
    limits: Limits,
) -> Found | None:
    """What is down below the Docker host that the alert names, or below the only silent one."""
    hosts = where.silent
    if not hosts and (where.named or not unsure.tried):
        return None
    down = {host: _down_under(host, cluster, limits) for host in hosts or docker.unreachable}
    lost = [(host, bearer) for host, bearer in down.items() if bearer]
    if len(lost) != 1:
        return None
    host, bearer = lost[0]
    via = f"Docker on {host} is out of reach, and {words(bearer)}"
    return Found(target=bearer.target, tried=unsure.tried, via=via)


def _down_under(host: str, cluster: GuestInventory, limits: Limits) -> Bearer | None:
    foot = under_docker(host, cluster, limits.docker_guests)
    return what_is_down(foot.bearer, cluster) if foot else None
