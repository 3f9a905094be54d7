"""Did an effect take place? What was seen before against what is there now. Not here: waiting."""

from collections.abc import Callable

from domain.facts import ContainerFacts
from domain.guests import Facts, GuestFacts
from domain.remedy import Effect, Precondition, Verb
from policy.hands_off import hands_off
from policy.settle_guest import guest_took_place

Seen = Callable[[Effect, ContainerFacts, ContainerFacts], bool]


def took_place(effect: Effect, before: Facts, now: Facts) -> bool:
    """Is the effect visible now, against the facts observed when its intent was written?

    A start or restart shows as another start time, whoever caused it: then it is not done again.
    """
    if isinstance(before, GuestFacts) and isinstance(now, GuestFacts):
        return guest_took_place(effect, before, now)
    if isinstance(before, GuestFacts) or isinstance(now, GuestFacts):
        return False
    return _VISIBLE[effect.verb](effect, before, now)


def still_fits(effect: Effect, before: Facts, now: Facts) -> str:
    """Why the effect no longer fits its target, or an empty string."""
    busy = hands_off(now, effect.verb) if isinstance(now, GuestFacts) else ""
    if busy:
        return busy
    expected, found = effect.precondition, Precondition.of(now)
    if found != expected:
        pairs = zip(expected.plain().items(), found.plain().values(), strict=True)
        changed = [f"{key} {was} → {is_}" for (key, was), is_ in pairs if was != is_]
        return f"the target changed since the decision: {', '.join(changed)}"
    if now.well and not before.well:
        return "it recovered by itself meanwhile"
    return ""


def _started(effect: Effect, before: ContainerFacts, now: ContainerFacts) -> bool:
    return now.started_at != before.started_at


def _unpaused(effect: Effect, before: ContainerFacts, now: ContainerFacts) -> bool:
    return now.status != "paused"


def _connected(effect: Effect, before: ContainerFacts, now: ContainerFacts) -> bool:
    wanted = effect.network.name if effect.network else ""
    return any(network.name == wanted for network in now.networks)


def _resized(effect: Effect, before: ContainerFacts, now: ContainerFacts) -> bool:
    return now.memory_limit == effect.memory_bytes


_VISIBLE: dict[Verb, Seen] = {
    "start": _started,
    "restart": _started,
    "unpause": _unpaused,
    "connect_network": _connected,
    "update_memory": _resized,
}
