"""How much would go wrong at once on a node. Not here: containers (blast.py), the other rules."""

from domain.facts import ContainerFacts
from domain.guests import GuestFacts, GuestInventory
from domain.limits import Limits
from domain.remedy import Remedy
from policy.ground import docker_hosts_on


def guest_blast(
    remedy: Remedy, containers: list[ContainerFacts], cluster: GuestInventory, limits: Limits
) -> str:
    """Why this remedy reaches too far, or an empty string.

    A common cause is three or more guests (`blast_count`) of one node that should run and do not,
    and a larger part of those that should than `blast_share`. A guest in which containers run is
    not taken down.
    """
    if not remedy.effects:
        return ""
    node = remedy.target.host
    meant = [one for one in cluster.guests if one.target.host == node and should_run(one)]
    unwell = [one for one in meant if not one.running]
    if len(unwell) >= limits.blast_count and len(unwell) > limits.blast_share * len(meant):
        return f"common cause: {len(unwell)} of {len(meant)} guests on {node} are unwell"
    return _takes_down_the_healthy(remedy, containers, cluster, limits)


def should_run(facts: GuestFacts) -> bool:
    """Is it running, or set to start on boot?"""
    return not facts.template and (facts.onboot or facts.running)


def _takes_down_the_healthy(
    remedy: Remedy, containers: list[ContainerFacts], cluster: GuestInventory, limits: Limits
) -> str:
    if remedy.name != "reboot_guest":
        return ""
    hosts = {facts.target.host for facts in containers}
    inside = docker_hosts_on(remedy.target, cluster, limits.docker_guests, hosts)
    up = [one.target.name for one in containers if one.target.host in inside and one.well]
    return f"{', '.join(up[:5])} in it would go down too" if up else ""
