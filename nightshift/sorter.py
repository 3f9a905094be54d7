"""Accepted deliveries become incidents, soon and in their order. Not here: how (memory).

What comes alone is sorted at once. What rushes in waits for the end of the rush, or for a second,
and is sorted together: one transaction of a hundred costs a tenth of a hundred of one.
"""

from collections.abc import Awaitable, Callable

import structlog

from domain.errors import NightshiftError, Unsortable
from domain.ports import Clock
from memory.store import Store

log = structlog.get_logger(__name__)

PAUSE_S = 0.25
"""From one sort to the next."""
RUSH_S = 1.0
"""So long, at most, does sorting wait for a rush to end: the two would slow each other down."""
LOOK_EVERY_S = 1.0
"""How soon is seen what another process accepted and did not live to sort."""
UNSORTED = "unsorted"

Tell = Callable[[str, str], Awaitable[None]]


class Sorter:
    """One for each process; those that share a store take turns by its transactions."""

    def __init__(self, store: Store, tell: Tell, clock: Clock) -> None:
        self._store, self._tell, self._clock = store, tell, clock

    async def begin(self) -> None:
        """What a dead process left is sorted before all else; what was set aside, once more.

        Raises Transient.
        """
        await self._store.take_back()
        await self.sort()

    async def run(self) -> None:
        """Sort for ever; cancel it to stop."""
        while True:
            await self._store.wait_delivery(LOOK_EVERY_S)
            await self._store.lull(RUSH_S)
            try:
                await self.sort()
            except NightshiftError as error:
                log.warning("alerts_not_sorted", error=str(error))
            await self._clock.sleep(PAUSE_S)

    async def sort(self) -> None:
        """Sort all that waits. Raises Transient, NotStored."""
        more = await self._store.unsorted()
        while more:
            try:
                more = (await self._store.sort_next()).more
            except Unsortable as error:
                await self._one_by_one(len(error.deliveries))
                more = await self._store.unsorted()

    async def _one_by_one(self, count: int) -> None:
        """One of so many cannot be sorted: the others are, in their order."""
        for _ in range(count):
            try:
                await self._store.sort_next(1)
            except Unsortable as error:
                await self._set_aside(error)

    async def _set_aside(self, error: Unsortable) -> None:
        """First people, then the row: whatever ends in between is told again."""
        (number,) = error.deliveries
        sentence = (
            f"delivery {number} was accepted and cannot be sorted ({error}): its alerts are kept "
            "in the table deliveries, and tried again at the next start"
        )
        log.critical("a delivery was set aside", delivery=number, why=str(error))
        await self._tell(UNSORTED, sentence)
        await self._store.set_aside(number, str(error))
