"""One sight of everything for all who ask at the same time. Not here: taking it (nodes/reach.py).

In a storm hundreds of alerts ask where their targets are; listing all containers for each of
them would be the storm's second half. Nobody gets a sight that began before the moment named.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from domain.ports import Clock, Survey

OLDEST = timedelta(seconds=10)
"""A sight older than this is not shared, however long ago the asker's moment lies."""

Look = Callable[[], Awaitable[Survey]]


class SharedSurveys:
    """The port `Surveys`: at most one look is under way; those who need a newer one share the next.

    `look` takes a survey; its `at` is the moment it began.
    """

    def __init__(self, look: Look, clock: Clock) -> None:
        self._look, self._clock = look, clock
        self._last: Survey | None = None
        self._now: tuple[datetime, asyncio.Task[Survey]] | None = None
        self._next: asyncio.Task[Survey] | None = None

    async def since(self, moment: datetime) -> Survey:
        """A survey that began then or later. Raises what `look` raises."""
        wanted = max(moment, self._clock.now() - OLDEST)
        if self._last is not None and self._last.at >= wanted:
            return self._last
        if self._now is not None and self._now[0] >= wanted:
            return await asyncio.shield(self._now[1])
        if self._next is None:
            self._next = asyncio.create_task(self._after_the_present_one(), name="survey")
        return await asyncio.shield(self._next)

    async def _after_the_present_one(self) -> Survey:
        while self._now is not None:
            await asyncio.wait({self._now[1]})
        me, self._next = self._next, None
        assert me is not None  # noqa: S101  # this very task
        self._now = (self._clock.now(), me)
        try:
            self._last = await self._look()
            return self._last
        finally:
            self._now = None
