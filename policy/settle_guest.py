"""Did an effect on a guest take place? Not here: containers (settle.py), or waiting."""

from collections.abc import Callable

from domain.guests import GuestFacts
from domain.remedy import Effect, Verb
from policy.desired_guest import REBOOTS, STARTS

RESUMES = frozenset({"qmresume", "vzresume", "qmstart"})
Seen = Callable[[Effect, GuestFacts, GuestFacts], bool]


def guest_took_place(effect: Effect, before: GuestFacts, now: GuestFacts) -> bool:
    """Is the effect visible now? A new task of its kind is enough: it is never sent again."""
    return _VISIBLE[effect.verb](effect, before, now)


def _new_task(before: GuestFacts, now: GuestFacts, kinds: frozenset[str]) -> bool:
    known = {one.upid for one in before.tasks}
    return any(one.kind in kinds and one.upid not in known for one in now.tasks)


def _started(effect: Effect, before: GuestFacts, now: GuestFacts) -> bool:
    return (now.running and not before.running) or _new_task(before, now, STARTS)


def _resumed(effect: Effect, before: GuestFacts, now: GuestFacts) -> bool:
    return now.running or _new_task(before, now, RESUMES)


def _rebooted(effect: Effect, before: GuestFacts, now: GuestFacts) -> bool:
    began = now.uptime_s is not None and now.uptime_s < (before.uptime_s or 0.0)
    return (now.running and began) or _new_task(before, now, REBOOTS)


def _resized(effect: Effect, before: GuestFacts, now: GuestFacts) -> bool:
    return now.memory_limit == effect.memory_bytes


_VISIBLE: dict[Verb, Seen] = {
    "start_guest": _started,
    "resume_guest": _resumed,
    "reboot_guest": _rebooted,
    "raise_guest_memory": _resized,
}
