"""A clock that moves only when somebody sleeps or says so. Not here: real time."""

import asyncio
import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

from nightshift.testing.builders import T0


class StillClock:
    """The port `Clock`: `sleep` moves time on at once and lets other tasks run."""

    def __init__(self, at: datetime = T0) -> None:
        self._now = at
        self._order = count()
        self._alarms: list[tuple[datetime, int, Callable[[], object]]] = []
        self.slept: list[float] = []

    def now(self) -> datetime:
        """UTC, aware."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Move on by that much, then yield to other tasks."""
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Move on; what was due on the way happens at its own time, in order."""
        end = self._now + timedelta(seconds=seconds)
        while self._alarms and self._alarms[0][0] <= end:
            self._now, _, happen = heapq.heappop(self._alarms)
            happen()
        self._now = max(self._now, end)

    def put(self, seconds: float) -> None:
        """Somebody sets the clock, forward or back; no time passes and nothing falls due."""
        self._now += timedelta(seconds=seconds)
        moved = timedelta(seconds=seconds)
        self._alarms = [(at + moved, order, happen) for at, order, happen in self._alarms]

    def after(self, seconds: float, happen: Callable[[], object]) -> None:
        """Let something happen once that much time has passed."""
        due = self._now + timedelta(seconds=seconds)
        heapq.heappush(self._alarms, (due, next(self._order), happen))
