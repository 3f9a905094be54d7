"""How much would go wrong at once. Not here: the other rules."""

from domain.facts import ContainerFacts
from domain.remedy import Remedy
from policy.relations import at_rest, dependencies


def blast_radius(
    remedy: Remedy, everyone: list[ContainerFacts], *, count: int, share: float
) -> str:
    """Why this remedy reaches too far, or an empty string.

    A common cause is `count` or more roots unwell on one host and a larger part of it than
    `share`: then no single container is the patient. A container that its health check proves
    healthy is never taken down for another's sake unless a healthy twin stays.
    """
    if not remedy.effects:
        return ""
    host = [facts for facts in everyone if facts.target.host == remedy.target.host]
    roots = [facts.target.name for facts in host if _root_of_trouble(facts, everyone)]
    if len(roots) >= count and len(roots) > share * len(host):
        return f"common cause: {len(roots)} of {len(host)} on {remedy.target.host} are unwell"
    return _takes_down_the_healthy(remedy, everyone)


def _root_of_trouble(facts: ContainerFacts, everyone: list[ContainerFacts]) -> bool:
    broken = facts.status in ("dead", "restarting") or (
        facts.status == "exited" and facts.exit_code not in (0, 143)
    )
    unwell = broken or (facts.running and facts.health == "unhealthy")
    return unwell and all(one.well or at_rest(one) for one in dependencies(facts, everyone))


def _takes_down_the_healthy(remedy: Remedy, everyone: list[ContainerFacts]) -> str:
    by_key = {facts.target.key: facts for facts in everyone}
    for effect in (one for one in remedy.effects if one.verb == "restart"):
        facts = by_key.get(effect.target.key)
        other = effect.target.key != remedy.target.key
        if facts and other and facts.health == "healthy" and not _twin(facts, everyone):
            return f"{effect.target.name} is healthy and nobody stands in for it"
    return ""


def _twin(facts: ContainerFacts, everyone: list[ContainerFacts]) -> bool:
    return any(
        one.target.id != facts.target.id
        and (one.target.project, one.target.service) == (facts.target.project, facts.target.service)
        and one.health == "healthy"
        for one in everyone
    )
