"""A clock that was set is noticed."""

import pytest

from nightshift.testing import StillClock
from nightshift.timekeeper import TOLD_FOR, Timekeeper


async def test_time_that_passes_is_no_jump() -> None:
    """A look every hour, or every second."""
    clock, count = StillClock(), [0.0]
    keeper = Timekeeper(clock, lambda: count[0])
    for seconds in (3600.0, 1.0):
        clock.advance(seconds)
        count[0] += seconds

        assert await keeper.say() == "ok"


@pytest.mark.parametrize(("seconds", "way"), [(3600, "forward"), (-3600, "back")])
async def test_a_jump_is_told_for_a_while(seconds: int, way: str) -> None:
    """With its direction and size; after a quarter of an hour it is past."""
    clock, count = StillClock(), [0.0]
    keeper = Timekeeper(clock, lambda: count[0])
    clock.put(seconds)
    told = [await keeper.say(), await keeper.say()]
    clock.advance(TOLD_FOR.total_seconds())
    count[0] += TOLD_FOR.total_seconds()

    assert all(f"the clock was put {way} by 3600 s" in word for word in told)
    assert await keeper.say() == "ok"
