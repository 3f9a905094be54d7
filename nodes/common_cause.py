"""Whose trouble is this? An alert whose cause is in hand, or told, is not looked into again.

Not here: finding the target (monitor.py), or what is wrong with it.
"""

from datetime import timedelta

from domain.alert import Alert
from domain.deps import Deps
from domain.facts import ContainerFacts, Inventory
from domain.incident import Incident
from domain.journal import Claimed, HeldBy
from domain.ports import Survey
from domain.state import IncidentState
from domain.target import Found, Target
from nodes.story import tell
from policy.common_cause import not_before, same_trouble
from policy.relations import at_rest, dependencies

LOOK_SOON, LOOK_AGAIN = timedelta(seconds=1), timedelta(seconds=15)
"""Between two looks, at least and at most; after the first no shared sight counts as fresh."""
PARENT_LOOK = timedelta(hours=1)
"""A parent's end wakes its folded ones; this is the net below."""
SAME_OUTAGE = timedelta(minutes=10)
"""How long people need not be told again of what they were told about."""


async def in_hand(
    state: IncidentState, deps: Deps, found: Found, docker: Inventory
) -> IncidentState | None:
    """Fold into the incident that holds the target, or something below it that is unwell."""
    incident = state["incident"]
    unwell = [one.target.key for one in below(found, docker)]
    keys = [found.target.key, *unwell, *map(victims_of, unwell)]
    victims = victims_of(found.target.key)
    held = await deps.ledger.holders([*keys, victims])
    for holder in (held[key] for key in keys if key in held):
        if holder != incident:
            return await wait_for(state, deps, holder)
    looking = held.get(victims)
    if looking and looking != incident and await _at_work(deps, looking):
        return await wait_for(state, deps, looking)
    return None


async def claimed(
    state: IncidentState, deps: Deps, target: Target, unwell: list[str]
) -> Claimed | HeldBy:
    """The target, and all that suffer from what is unwell below it; or who looks at these already.

    Said in the claim itself: a root and its victim that look at the same time see each other.
    """
    incident, victims = state["incident"], victims_of(target.key)
    keys = [target.key, *map(victims_of, unwell)]
    claim = await deps.ledger.claim(incident, keys, unless_held=[*unwell, victims])
    if claim.kind == "claimed" or claim.target_key != victims:
        return claim
    if await _at_work(deps, claim.incident):
        return claim
    return await deps.ledger.claim(incident, keys, unless_held=unwell)


async def _at_work(deps: Deps, incident: str) -> bool:
    """A victim's incident that waits for a person does not hold up what it suffers from."""
    return (await deps.ledger.incident(incident)).status == "open"


def victims_of(key: str) -> str:
    """The claim of all that suffer from one target: the first of them looks for all.

    The target itself stays free for an alert of its own.
    """
    return f"below:{key}"


async def wait_for(state: IncidentState, deps: Deps, holder: str) -> IncidentState:
    """Wait for that incident's end, which wakes this one."""
    await deps.ledger.fold(state["incident"], holder)
    return {"parent": holder, "wake_at": (deps.clock.now() + PARENT_LOOK).isoformat()}


async def too_early(
    state: IncidentState, deps: Deps, found: Found, survey: Survey
) -> IncidentState | None:
    """Look again later, where this survey cannot show what healing by others has come to."""
    patient, now = facts_of(found, survey.docker), deps.clock.now()
    stands_on = dependencies(patient, survey.docker.containers) if patient else []
    healed = await deps.ledger.last_healed([found.target.key])
    healed_below = await deps.ledger.last_healed([one.target.key for one in stands_on])
    at = not_before(patient, seen=survey.at, healed=healed, healed_below=healed_below)
    if at is None:
        return None
    why = "something here was healed while we looked: looking again"
    if at > now:
        why = "what it stands on was just healed: its health check has to be run again"
    await tell(deps, state["incident"], "evidence", why)
    return {"wake_at": min(max(at, now + LOOK_SOON), now + LOOK_AGAIN).isoformat()}


async def told_of(
    state: IncidentState, deps: Deps, found: Found, docker: Inventory
) -> IncidentState | None:
    """End as a part of the incident by which people know of it: nothing is new since."""
    if found.via or found.target.kind == "node":
        told = await deps.ledger.told(found.target.key)
        below_words = found.via or f"{found.target.name} is down"
        return await _part_of(state, deps, told, below_words) if _lately(state, told) else None
    patient = facts_of(found, docker)
    for facts in [patient, *below(found, docker)] if patient else []:
        told = await deps.ledger.told(facts.target.key)
        if told and _lately(state, told) and same_trouble(facts, since=told.closed_at):
            why = f"{facts.target.name} is {facts.status}, as when people were told"
            return await _part_of(state, deps, told, why)
    return None


async def latched(state: IncidentState, deps: Deps, found: Found) -> IncidentState | None:
    """End as a part of the incident that told people that this target comes and goes."""
    latch = await deps.ledger.latched(found.target.key)
    if latch is None or latch.incident == state["incident"]:
        return None
    await deps.ledger.latched_again(found.target.key, remind_s=deps.limits.latch_remind_s)
    told = await deps.ledger.incident(latch.incident)
    why = f"latched ({latch.reason}), until `nightshift unlatch {found.target.name}`"
    return await _part_of(state, deps, told, why)


async def silent_host(state: IncidentState, deps: Deps, host: str) -> IncidentState | None:
    """One incident stands for a Docker host that does not answer; the others are part of it."""
    incident, key = state["incident"], f"host:{host}"
    if known := await _silence_told(state, deps, host):
        return known
    claim = await deps.ledger.claim(incident, [key])
    if claim.kind == "held":
        return await wait_for(state, deps, claim.incident)
    if known := await _silence_told(state, deps, host):  # by who held it until just now
        return known
    await deps.ledger.stand_for(incident, key)
    return None


async def _silence_told(state: IncidentState, deps: Deps, host: str) -> IncidentState | None:
    told = await deps.ledger.told(f"host:{host}")
    if not _lately(state, told):
        return None
    return await _part_of(state, deps, told, f"Docker on {host} does not answer")


def below(found: Found, docker: Inventory) -> list[ContainerFacts]:
    """What the target stands on and is unwell; a job that ended well is not missed."""
    patient = facts_of(found, docker)
    stands_on = dependencies(patient, docker.containers) if patient else []
    return [one for one in stands_on if not one.well and not at_rest(one)]


def facts_of(found: Found, docker: Inventory) -> ContainerFacts | None:
    """The target as this survey saw it; None for what is no container."""
    return next((one for one in docker.containers if one.target == found.target), None)


def _lately(state: IncidentState, told: Incident | None) -> bool:
    """Its own parent, or an end so close before this alert that it is the same outage.

    The same alert come again is another matter: it is never swallowed.
    """
    if told is None or told.closed_at is None or told.id == state["incident"]:
        return False
    if state.get("parent") == told.id:
        return True
    alert = Alert.parse(state["alert"])
    known = (told.alert.fingerprint, told.alert.starts_at)
    again = (alert.fingerprint, alert.starts_at) == known
    return not again and told.closed_at >= alert.starts_at - SAME_OUTAGE


async def _part_of(
    state: IncidentState, deps: Deps, told: Incident | None, why: str
) -> IncidentState | None:
    if told is None:
        return None
    if state.get("parent") != told.id:
        await deps.ledger.fold(state["incident"], told.id)
    reason = f"{why}; people were told in incident {told.id}"
    return {"parent": told.id, "outcome": "folded", "reason": reason, "wake_at": None}
