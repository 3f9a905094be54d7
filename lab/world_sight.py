"""What is true of the simulated services at one moment: who serves, who is well, who needs what.

Not here: change. Everything is a pure function of the containers.
"""

from collections.abc import Mapping
from datetime import datetime

from lab.world_parts import Container

Containers = Mapping[str, Container]
_SERVICE_LABELS = ("com.docker.compose.service", "nightshift.service")


def named(containers: Containers, name: str) -> Container | None:
    """A container by its name, or else by its service's."""
    for container in containers.values():
        if container.name == name:
            return container
    for container in containers.values():
        if name in {container.spec.labels.get(label) for label in _SERVICE_LABELS}:
            return container
    return None


def missing(containers: Containers, container: Container) -> list[str]:
    """The dependencies that do not serve it now."""
    return _missing(containers, container, frozenset())


def _missing(containers: Containers, container: Container, asked: frozenset[str]) -> list[str]:
    seen = asked | {container.id}
    return [
        name
        for name in container.spec.depends_on
        if not _reaches(containers, container, named(containers, name), seen)
    ]


def _reaches(
    containers: Containers, container: Container, other: Container | None, asked: frozenset[str]
) -> bool:
    if other is None or not serves(containers, other, asked):
        return False
    return not container.spec.networks or not set(container.networks).isdisjoint(other.networks)


def serves(
    containers: Containers, container: Container, asked: frozenset[str] = frozenset()
) -> bool:
    """Whether it answers rightly from inside, dependencies included; circles count as served."""
    if container.status != "running" or container.hung or container.bad_config:
        return False
    if container.volume_free <= 0:
        return False
    if container.spec.without_deps == "fine" or container.id in asked:
        return True
    return not _missing(containers, container, asked)


def attached(container: Container) -> bool:
    """Whether it is on all the networks it was made with."""
    return set(container.spec.networks) <= set(container.networks)


def probe_ok(containers: Containers, container: Container) -> bool:
    """Whether it answers from outside."""
    return serves(containers, container) and attached(container)


def well(containers: Containers, container: Container) -> bool:
    """The whole truth about a service: what a remedy must bring about."""
    if container.spec.one_shot:
        return container.up or (container.status == "exited" and container.exit_code == 0)
    return probe_ok(containers, container) and container.health in {"none", "healthy"}


def usage(container: Container, now: datetime) -> int:
    """Bytes of memory in use, never above the limit."""
    if not container.up:
        return 0
    used = float(container.need)
    if container.leak_since is not None:
        used += container.leak_rate * (now - container.leak_since).total_seconds()
    return int(min(used, container.memory_limit or used))
