from datetime import timedelta

import pytest

from domain.evidence import Status, situation
from nightshift.testing import T0, evidence

LATER = T0 + timedelta(seconds=5)


def test_the_latest_of_each_kind_counts() -> None:
    """Runbooks see the newest observation, whatever the order of the list."""
    seen = [
        evidence("container", data={"status": "running"}, at=LATER),
        evidence("container", data={"status": "exited"}),
        evidence("probe", data={"state": "bad"}),
    ]

    assert situation(seen) == {"container": {"status": "running"}, "probe": {"state": "bad"}}


@pytest.mark.parametrize("status", ["no_data", "stale", "error"])
def test_what_was_not_seen_is_missing(status: Status) -> None:
    """A blind observation hides nothing older and is no observation itself."""
    seen = [evidence("probe", status=status), evidence("logs", data={"last": "x"})]
    again = evidence("logs", status=status, at=LATER)

    assert situation([*seen, again]) == {"logs": {"last": "x"}}
