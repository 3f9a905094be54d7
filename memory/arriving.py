"""Deliveries on their way into the store, and what this process knows to be unsorted.

Use it on the event loop's thread only. Not here: writing or sorting them (deliveries.py).
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

Row = tuple[str, int, int, str]
"""Tenant, microseconds, number of alerts, their JSON."""
MOST_UNSORTED = 2500
"""Alerts; beyond it deliveries wait at the door, so that none is unsorted for much over 1.5 s."""
LULL_S, LONGEST_LULL_S = 0.005, 0.25
"""A lull is a fourth of the rush before it, and so long at least and at most."""
LATE_S = 0.03
"""So long after it does a busy loop wait for a lull of which it can be sure."""


class Arriving:
    """Who waits to be written down, and how many alerts wait to be sorted."""

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._monotonic, self._sleep = monotonic, sleep
        self._began, self._last_came = 0.0, -math.inf
        self.unsorted = 0
        self.busy = False
        """Whether a group is on its way: who comes now is in the next one."""
        self._follows: asyncio.Task[None] | None = None
        self._waiting: list[tuple[Row, asyncio.Future[None]]] = []
        self._come, self._room = asyncio.Event(), asyncio.Event()
        self._room.set()

    def add(self, row: Row) -> asyncio.Future[None]:
        """Queue up; done once it is written down, or with the reason why it is not.

        Whoever cancels it before its turn takes its row along: it was not acknowledged.
        """
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        now = self._monotonic()
        if now > self._last_came + self._lull_s:
            self._began = now
        self._last_came = now
        self._waiting = [*self._staying(), (row, told)]
        return told

    @contextmanager
    def taking_turns(self, again: Callable[[], Coroutine[Any, Any, None]]) -> Iterator[None]:
        """One group at a time; `again` writes down who came while the block ran."""
        self.busy = True
        try:
            yield
        finally:
            self.busy = bool(self._waiting)
            if self.busy:
                self._follows = asyncio.create_task(again(), name="deliveries")

    async def next(self) -> "Group":
        """All that wait, in their order, as soon as there is room for them; perhaps none."""
        await self._room.wait()
        group, self._waiting = Group(self._staying()), []
        return group

    def came(self, alerts: int) -> None:
        """So many more are to be sorted."""
        self._count(self.unsorted + alerts)
        self._last_came = self._monotonic()
        self._come.set()

    def went(self, alerts: int, *, more: bool) -> None:
        """So many were sorted; without `more` none is left, whoever sorted the others."""
        self._count(max(0, self.unsorted - alerts) if more else 0)

    async def wait(self, timeout: float) -> None:  # noqa: ASYNC109  # a bound, not a failure
        """Return when any came that `wait` has not told of, or after so many seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._come.wait()
        except TimeoutError:
            pass
        self._come.clear()

    async def lull(
        self,
        timeout: float,  # noqa: ASYNC109  # a bound, not a failure
        *,
        longest_s: float = LONGEST_LULL_S,
    ) -> None:
        """Return when nothing rushes in any more, or can come in, or after so many seconds.

        `longest_s` without a delivery are a lull, however long the rush was. A loop that came back
        late may not have read what came meanwhile: that was none.
        """
        now = self._monotonic()
        end = now + timeout
        while self._room.is_set() and now < min(end, self._over(longest_s) + LATE_S):
            before = now
            await self._sleep(LULL_S)
            now = self._monotonic()
            if now >= self._over(longest_s) and now < before + 2 * LULL_S:
                return

    def _over(self, longest_s: float) -> float:
        """When the rush is over, if nothing comes until then."""
        return self._last_came + min(self._lull_s, longest_s)

    @property
    def _lull_s(self) -> float:
        """Who has been coming for long is back sooner than one would think."""
        return min(max((self._last_came - self._began) / 4, LULL_S), LONGEST_LULL_S)

    def _staying(self) -> list[tuple[Row, asyncio.Future[None]]]:
        return [one for one in self._waiting if not one[1].done()]

    def _count(self, unsorted: int) -> None:
        self.unsorted = unsorted
        if unsorted < MOST_UNSORTED:
            self._room.set()
        else:
            self._room.clear()


class Group:
    """Deliveries that are written down together."""

    def __init__(self, waiting: Sequence[tuple[Row, asyncio.Future[None]]]) -> None:
        self._told = [told for _, told in waiting]
        self.rows = [row for row, _ in waiting]

    def stored(self) -> None:
        """Tell each of them."""
        for told in self._open():
            told.set_result(None)

    def failed(self, error: Exception) -> None:
        """Tell each of them why."""
        for told in self._open():
            told.set_exception(error)

    def _open(self) -> list[asyncio.Future[None]]:
        """Who has given up is told nothing."""
        return [told for told in self._told if not told.done()]
