from datetime import timedelta
from typing import Any

import pytest

from nightshift.testing import T0, container
from policy.common_cause import same_trouble

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
