"""What Nightshift itself needs, and therefore does not touch. Not here: the rule that refuses."""

from urllib.parse import urlsplit

from domain.facts import ContainerFacts
from domain.guests import GuestFacts, GuestInventory
from domain.limits import Limits
from policy.ground import docker_hosts_on
from policy.locate import answers_at

PORTS = {"http": 80, "https": 443, "tcp": 2375, "ssh": 22}
"""Where an address without a port leads."""


def needed_by_us(facts: ContainerFacts | None, limits: Limits) -> str:
    """Why this container is protected, or an empty string."""
    if facts is None:
        return ""
    if facts.target.name in limits.protected:
        return "listed in NIGHTSHIFT_PROTECTED"
    if limits.own_id and facts.target.id.startswith(limits.own_id):
        return "Nightshift itself"
    for url in limits.needs:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme)
        if parts.hostname and answers_at(facts, parts.hostname, port, limits.addresses):
            return f"it serves {parts.hostname}:{port}"
    return ""


def guest_needed_by_us(
    guest: GuestFacts, containers: list[ContainerFacts], cluster: GuestInventory, limits: Limits
) -> str:
    """Why this guest is protected, or an empty string: what we need may run inside it."""
    if {guest.target.name, guest.target.path} & set(limits.protected):
        return "listed in NIGHTSHIFT_PROTECTED"
    for url in limits.needs:
        if urlsplit(url).hostname == guest.target.name:
            return f"it serves {urlsplit(url).hostname}"
    hosts = {facts.target.host for facts in containers}
    inside = docker_hosts_on(guest.target, cluster, limits.docker_guests, hosts)
    for facts in containers:
        reason = needed_by_us(facts, limits) if facts.target.host in inside else ""
        if reason:
            return f"{facts.target.name} runs in it: {reason}"
    return ""
