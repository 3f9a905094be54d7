from datetime import timedelta
from typing import Any

import pytest

from nightshift.testing import T0, container
from policy.common_cause import not_before, same_trouble

BEFORE, AFTER = T0 - timedelta(minutes=1), T0 + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("facts", "same"),
    [
        ({"status": "exited", "finished_at": BEFORE}, True),
        ({"status": "exited", "finished_at": AFTER}, False),
        ({"status": "running", "health": "unhealthy", "started_at": BEFORE}, True),
        ({"status": "running", "health": "unhealthy", "started_at": AFTER}, False),
        ({"status": "restarting", "started_at": AFTER}, True),
        ({"status": "running", "started_at": BEFORE}, False),
    ],
)
def test_what_people_know_of(facts: dict[str, Any], same: bool) -> None:
    """Unwell, and nobody and nothing has touched it since they were told."""
    seen = container("web", **{"started_at": BEFORE, "finished_at": None, **facts})

    assert same_trouble(seen, since=T0) is same


def test_nothing_is_the_same_as_what_was_never_told() -> None:
    """Without an end there is nothing to be part of."""
    assert not same_trouble(container("web", status="exited"), since=None)


SICK = {"status": "running", "health": "unhealthy", "health_every_s": 30.0}
"""Its last check may be half a minute old."""


@pytest.mark.parametrize(
    ("facts", "seen_s", "healed_s", "below_s", "at_s"),
    [
        ({"status": "exited"}, 10, None, None, None),
        ({"status": "exited"}, 10, 9, 9, None),
        ({"status": "exited"}, 10, 11, 9, 11),
        ({"status": "exited"}, 10, 9, 12, 12),
        (SICK, 10, 9, None, None),
        (SICK, 10, None, 9, 39),
        (SICK, 40, None, 9, None),
        (SICK | {"status": "exited"}, 10, None, 9, None),
        (SICK | {"health_every_s": 0.0}, 10, None, 9, None),
        (SICK | {"health_every_s": 3600.0}, 10, None, 9, 129),
    ],
)
def test_when_others_work_shows(
    facts: dict[str, Any], seen_s: float, healed_s: float, below_s: float, at_s: float
) -> None:
    """After its end, and for what stands on it when its health check has been run again."""
    seen, healed, below, at = (
        None if one is None else T0 + timedelta(seconds=one)
        for one in (seen_s, healed_s, below_s, at_s)
    )
    assert seen

    web = container("web", **facts)
    assert not_before(web, seen=seen, healed=healed, healed_below=below) == at
