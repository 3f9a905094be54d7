"""Which Docker host an alert names, and where in doubt nothing may be done alone.

Not here: which of its containers (locate.py). A container of the same name on another host is
another container.
"""

from pydantic import Field

from domain.alert import Alert
from domain.facts import Inventory
from domain.guests import GuestFacts, GuestInventory
from domain.limits import Limits
from domain.plain import Record
from policy.ground import under_docker
from policy.locate import LOOPBACK

DOCKER_HOST = "docker_host"
HOST_LABELS = (DOCKER_HOST, "host", "node")


class Whereabouts(Record):
    """The hosts to look on, and those the alert names that do not answer.

    `named`: a label of the alert decides. `doubt` says why a container found there may yet be
    another's namesake; empty where nothing speaks against it.
    """

    hosts: list[str]
    silent: list[str] = Field(default_factory=list)
    named: bool = False
    doubt: str = ""


def whereabouts(
    alert: Alert, docker: Inventory, cluster: GuestInventory, limits: Limits
) -> Whereabouts:
    """Where the alert's container is, as far as its labels tell.

    `docker_host` is our own word: one that is not configured is elsewhere. `host` and `node`
    often name the exporter's machine, so an unknown one says nothing where there is one Docker.
    """
    known = _known(docker, limits)
    given = {label: alert.labels[label] for label in HOST_LABELS if alert.labels.get(label)}
    asked = {DOCKER_HOST: given[DOCKER_HOST]} if DOCKER_HOST in given else given
    meant = [host for host in known if any(_is(host, v, cluster, limits) for v in asked.values())]
    silent = [host for host in meant if host in docker.unreachable]
    if silent:
        doubt = f"the alert names Docker host {', '.join(silent)}, which does not answer"
        return Whereabouts(hosts=[], silent=silent, named=True, doubt=doubt)
    if meant:
        return Whereabouts(hosts=meant, named=True)
    return Whereabouts(hosts=known, named=DOCKER_HOST in asked, doubt=_doubt(asked, known, docker))


def _known(docker: Inventory, limits: Limits) -> list[str]:
    """The configured hosts, in a fixed order, and any other that was asked."""
    listed = [facts.target.host for facts in docker.containers]
    return list(dict.fromkeys([*limits.addresses, *listed, *docker.unreachable]))


def _is(host: str, value: str, cluster: GuestInventory, limits: Limits) -> bool:
    """Is that a name or address of this host, of the guest it runs in, or of that one's node?"""
    names = {host, *limits.addresses.get(host, [])} - set(LOOPBACK)
    foot = under_docker(host, cluster, limits.docker_guests)
    if foot:
        names |= {foot.bearer.target.name}
        names |= {foot.bearer.target.host} if isinstance(foot.bearer, GuestFacts) else set()
    return value in names


def _doubt(asked: dict[str, str], known: list[str], docker: Inventory) -> str:
    """Why a namesake may be meant, where no label names a host that is known."""
    if asked and (DOCKER_HOST in asked or len(known) > 1):
        told = ", ".join(f"{label}={value}" for label, value in asked.items())
        return f"no Docker host answers to {told} (DOCKER_HOSTS, DOCKER_ADDRESSES)"
    if not docker.unreachable:
        return ""
    lost = ", ".join(docker.unreachable)
    return f"the alert names no Docker host, and {lost}, out of reach, may have one of that name"
