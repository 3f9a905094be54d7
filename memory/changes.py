"""Waking whoever waits for something to be recorded. Not here: what was recorded."""

import asyncio


class Changes:
    """A counter of recorded changes; use it on the event loop's thread only."""

    def __init__(self) -> None:
        self.count = 0
        self._next = asyncio.Event()

    def notify(self) -> None:
        """One more change: everyone who waits goes on."""
        self.count += 1
        self._next.set()
        self._next = asyncio.Event()

    async def wait(self, after: int | None, timeout: float) -> int:  # noqa: ASYNC109  # a bound, not a failure
        """The count as soon as it is above `after` (None: above the present one).

        Or after `timeout` seconds. Read the count before you look at the store, pass it here
        after, and no change can be missed.
        """
        if after is not None and self.count > after:
            return self.count
        try:
            async with asyncio.timeout(timeout):
                await self._next.wait()
        except TimeoutError:
            pass
        return self.count
