"""Who stands on whom: dependencies and dependents, from labels. Not here: log text."""

from domain.facts import ContainerFacts

ONCE = frozenset({"", "no", "on-failure"})
"""Restart policies of what may be meant to end."""
ONE_SHOT = "nightshift.one_shot"


def dependencies(facts: ContainerFacts, containers: list[ContainerFacts]) -> list[ContainerFacts]:
    """The containers that this one declares it needs, in the order declared."""
    wanted = list(dict.fromkeys(facts.depends_on))
    found = [
        other
        for name in wanted
        for other in containers
        if _same_stack(facts, other) and name in (other.target.service, other.target.name)
    ]
    return [*found, *(other for other in containers if _shares_network(facts, other))]


def dependents(facts: ContainerFacts, containers: list[ContainerFacts]) -> list[ContainerFacts]:
    """The containers that need this one, `network_mode: service:` children included.

    In dependency order: who is needed by another of them comes first.
    """
    direct = [other for other in containers if facts in dependencies(other, containers)]
    return sorted(direct, key=lambda one: len(dependencies(one, direct)))


def _same_stack(one: ContainerFacts, other: ContainerFacts) -> bool:
    same_host = one.target.host == other.target.host and one.target.id != other.target.id
    return same_host and one.target.project == other.target.project


def _shares_network(child: ContainerFacts, other: ContainerFacts) -> bool:
    same_host = child.target.host == other.target.host and child.target.id != other.target.id
    return same_host and child.network_mode == f"container:{other.target.id}"


def at_rest(facts: ContainerFacts) -> bool:
    """Does nobody miss it as it is: a job that ended well, or one that was never started?

    Compose's `service_completed_successfully` makes such a job a dependency, and to run it once
    more could do anything. The label `nightshift.one_shot` overrules its restart policy.
    """
    if facts.status == "created":
        return True
    label = one_shot_label(facts)
    meant = facts.restart_policy in ONCE if label is None else label
    return facts.status == "exited" and facts.exit_code == 0 and meant


def one_shot_label(facts: ContainerFacts) -> bool | None:
    """What its label says of whether it is meant to end; None without one."""
    label = facts.labels.get(ONE_SHOT, "").lower()
    return label in ("1", "true", "yes") if label else None
