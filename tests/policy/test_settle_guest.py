from typing import Any

import pytest

from domain.guests import GuestFacts, GuestTask
from domain.remedy import Effect, Precondition, Verb
from nightshift.testing import T0, container, guest
from policy.settle import still_fits, took_place

DOWN = guest(status="stopped", uptime_s=0.0)
UP = guest()


def effect(verb: Verb, on: GuestFacts, **more: Any) -> Effect:
    """One effect decided on these facts."""
    return Effect(verb=verb, target=on.target, precondition=Precondition.of(on), **more)


def after(facts: GuestFacts, kind: str, **changes: Any) -> GuestFacts:
    """The same with one more task in its log."""
    task = GuestTask(upid=f"UPID:{kind}", kind=kind, user="root@pam", started_at=T0)
    return facts.model_copy(update={"tasks": [task, *facts.tasks], **changes})


@pytest.mark.parametrize(
    ("verb", "before", "now", "visible"),
    [
        ("start_guest", DOWN, DOWN, False),
        ("start_guest", DOWN, UP, True),
        ("start_guest", DOWN, after(DOWN, "vzstart"), True),
        ("start_guest", DOWN, after(DOWN, "vzdump"), False),
        ("start_guest", after(DOWN, "vzstart"), after(DOWN, "vzstart"), False),
        ("resume_guest", guest(status="paused"), guest(status="paused"), False),
        ("resume_guest", guest(status="paused"), UP, True),
        ("reboot_guest", UP, UP, False),
        ("reboot_guest", UP, guest(uptime_s=3.0), True),
        ("reboot_guest", UP, guest(uptime_s=None), False),
        ("reboot_guest", UP, after(UP, "vzreboot"), True),
        ("raise_guest_memory", UP, UP, False),
        ("raise_guest_memory", UP, guest(memory_limit=9 * 1024**2), True),
    ],
)
def test_what_is_visible_after_a_crash(
    verb: Verb, before: GuestFacts, now: GuestFacts, visible: bool
) -> None:
    """Another state or a new task of its kind: then it is not sent again."""
    size = 9 * 1024**2 if verb == "raise_guest_memory" else 0

    assert took_place(effect(verb, before, memory_bytes=size), before, now) is visible


@pytest.mark.parametrize(
    ("now", "word"),
    [
        (DOWN, ""),
        (after(DOWN, "vzdump"), ""),
        (guest(status="stopped", lock="backup"), "locked"),
        (guest(status="stopped", task="vzstart"), "vzstart"),
        (guest(status="stopped", ha_state="started"), "HA manager"),
        (guest(status="stopped", config_digest="other"), "config_digest"),
        (UP, "status_class down → up"),
    ],
)
def test_what_no_longer_fits(now: GuestFacts, word: str) -> None:
    """A lock or task that came in between stops the act, as any other change does."""
    reason = still_fits(effect("start_guest", DOWN), DOWN, now)

    assert bool(reason) is bool(word)
    assert word in reason


def test_kinds_are_never_mixed() -> None:
    """A guest seen before and a container now: nothing took place."""
    assert took_place(effect("start_guest", DOWN), DOWN, container()) is False
