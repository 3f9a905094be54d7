"""Whether the machine's clock was put forward or back lately. Not here: what follows from it."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from domain.ports import Clock

JUMP_S = 5.0
"""What the clock and the count of seconds may drift apart between two looks."""
TOLD_FOR = timedelta(minutes=15)


class Timekeeper:
    """Compares the clock with a count of seconds that nobody can set."""

    def __init__(self, clock: Clock, count: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._count = clock, count
        self._before = (clock.now(), count())
        self._told_until: datetime | None = None
        self._word = "ok"

    async def say(self) -> str:
        """`ok`, or for a quarter of an hour what happened."""
        (then, counted), now, count = self._before, self._clock.now(), self._count()
        self._before = (now, count)
        jump = (now - then).total_seconds() - (count - counted)
        if abs(jump) > JUMP_S:
            way = "forward" if jump > 0 else "back"
            self._word = f"the clock was put {way} by {abs(jump):.0f} s at {now:%H:%M:%S} UTC"
            self._told_until = now + TOLD_FOR
        elif self._told_until is not None and now >= self._told_until:
            self._told_until, self._word = None, "ok"
        return self._word
