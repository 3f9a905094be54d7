from datetime import timedelta
from typing import Any

import pytest

from domain.facts import ContainerFacts, Network
from domain.remedy import Effect, Precondition, Verb
from nightshift.testing import T0, container
from policy.settle import still_fits, took_place

DOWN = container("web", status="exited", exit_code=1)
UP = container("web", started_at=T0)
BACK = Network(name="back", aliases=["web"])


def effect(verb: Verb, on: ContainerFacts, **more: Any) -> Effect:
    """That verb, decided on these facts."""
    return Effect(verb=verb, target=on.target, precondition=Precondition.of(on), **more)


@pytest.mark.parametrize(
    ("one", "before", "now", "visible"),
    [
        (effect("start", DOWN), DOWN, UP, True),
        (effect("start", DOWN), DOWN, DOWN, False),
        (effect("restart", UP), UP, container("web", started_at=T0 + timedelta(seconds=1)), True),
        (effect("restart", UP), UP, UP, False),
        (effect("unpause", UP), container("web", status="paused"), UP, True),
        (effect("unpause", UP), UP, container("web", status="paused"), False),
        (effect("connect_network", UP, network=BACK), UP, container("web", networks=[BACK]), True),
        (effect("connect_network", UP, network=BACK), UP, UP, False),
        (effect("update_memory", UP, memory_bytes=7), UP, container("web", memory_limit=7), True),
        (effect("update_memory", UP, memory_bytes=7), UP, UP, False),
    ],
)
def test_an_effect_shows_or_does_not(
    one: Effect, before: ContainerFacts, now: ContainerFacts, visible: bool
) -> None:
    """Each verb leaves a mark that tells whether it took place."""
    assert took_place(one, before, now) is visible


def test_a_start_that_died_again_still_took_place() -> None:
    """Its new start time shows it, though it is down once more."""
    again = container("web", status="exited", exit_code=1, started_at=T0)

    assert took_place(effect("start", DOWN), DOWN, again)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, ""),
        ({"restart_count": 9, "finished_at": T0}, ""),
        ({"image_id": "sha256:b"}, "image_id"),
        ({"config_digest": "d"}, "config_digest"),
        ({"status": "running"}, "status_class"),
        ({"status": "paused"}, "status_class"),
        ({"status": "created"}, ""),
    ],
)
def test_fits_while_the_stable_facts_hold(changes: dict[str, Any], word: str) -> None:
    """A new image, configuration or status class voids the remedy; counters and times do not."""
    now = container("web", **{"status": "exited", "exit_code": 1, **changes})
    reason = still_fits(effect("start", DOWN), DOWN, now)

    assert word in reason
    assert bool(word) is bool(reason)


def test_what_recovered_meanwhile_is_left_alone() -> None:
    """An unhealthy container that is healthy again needs no restart."""
    sick = container("web", health="unhealthy")
    now = container("web", health="healthy")

    assert "recovered" in still_fits(effect("restart", sick), sick, now)
