"""A message says what the incident had to do without."""

from typing import Any

from domain.incident import Event, EventKind
from nightshift.degraded import degraded_words
from nightshift.testing import T0


def event(kind: EventKind, **data: Any) -> Event:
    """One line of the story."""
    return Event(kind=kind, at=T0, text="", data=data)


def test_nothing_is_said_where_nothing_is_amiss() -> None:
    """No line at all."""
    assert degraded_words([event("evidence", ids=[]), event("history", similar=0)]) == ""


def test_silent_systems_and_memory_are_named() -> None:
    """Each with its reason."""
    story = [
        event("evidence", degraded={"Docker": "slow", "Prometheus": "Prometheus is away"}),
        event("history", similar=0, degraded="memory is out of order: time-out"),
    ]

    assert degraded_words(story) == (
        "Docker: slow; Prometheus is away; memory is out of order: time-out"
    )


def test_what_is_back_is_not_degraded() -> None:
    """The latest look counts."""
    story = [event("evidence", degraded={"Docker": "out of reach on nas: x"}), event("evidence")]

    assert degraded_words(story) == ""
