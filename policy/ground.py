"""What a target stands on: host, guest and node. Not here: whether an incident folds."""

from collections.abc import Mapping

from domain.guests import GuestFacts, GuestInventory, NodeFacts
from domain.plain import Record
from domain.target import Target

Bearer = GuestFacts | NodeFacts
DOWN = frozenset({"stopped", "paused", "suspended"})
"""Not `unknown`: what cannot be seen is not known to be down."""


class Footing(Record):
    """The bearer of a Docker host; `told` is false where only their names agree."""

    bearer: Bearer
    told: bool


def under_docker(
    host: str, cluster: GuestInventory, docker_guests: Mapping[str, str]
) -> Footing | None:
    """The guest or node that this Docker host runs on.

    By configuration (`lxc/101`), else the one guest or node of exactly that name.
    """
    given = docker_guests.get(host, "")
    everyone: list[Bearer] = [*cluster.guests, *cluster.nodes]
    found = [one for one in everyone if _is(one.target, given) or (not given and _named(one, host))]
    return Footing(bearer=found[0], told=bool(given)) if len(found) == 1 else None


def _is(target: Target, path: str) -> bool:
    kind, _, number = path.partition("/")
    return bool(number) and target.path == f"{'qemu' if kind == 'vm' else kind}/{number}"


def _named(bearer: Bearer, host: str) -> bool:
    template = isinstance(bearer, GuestFacts) and bearer.template
    return bearer.target.name == host and not template


def docker_hosts_on(
    target: Target, cluster: GuestInventory, docker_guests: Mapping[str, str], hosts: set[str]
) -> set[str]:
    """Those of these Docker hosts that run on this guest or node."""
    found = {host: under_docker(host, cluster, docker_guests) for host in hosts}
    return {host for host, foot in found.items() if foot and foot.bearer.target == target}


def what_is_down(bearer: Bearer, cluster: GuestInventory) -> Bearer | None:
    """The lowest thing that is down: the node below a guest, else the guest; None if all is up."""
    node = cluster.node(bearer.target.host) if isinstance(bearer, GuestFacts) else bearer
    if node is not None and not node.online:
        return node
    return bearer if isinstance(bearer, GuestFacts) and bearer.status in DOWN else None


def state_of(bearer: Bearer) -> str:
    """Its state in one word."""
    if isinstance(bearer, GuestFacts):
        return bearer.status
    return "online" if bearer.online else "offline"


def words(bearer: Bearer) -> str:
    """`nas (lxc/101 on pve1) is stopped`."""
    target = bearer.target
    where = f" on {target.host}" if target.kind != "node" else ""
    return f"{target.name} ({target.path}{where}) is {state_of(bearer)}"
