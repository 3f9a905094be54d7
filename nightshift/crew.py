"""Who does what: the parts of a service that several processes must share out.

Here: one process that does everything. Not here: several (wiring_cluster.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from domain.notice import Notifier
from nightshift.runs import Runs

Work = Callable[[], Coroutine[Any, Any, None]]
Component = Callable[[], Awaitable[str]]


class Crew(Protocol):
    """How work is shared out."""

    def workers(self, count: int) -> list[Coroutine[Any, Any, None]]:
        """What drives up to `count` incidents at a time, for ever."""

    def stop(self) -> None:
        """Take no further job; running segments end after the node that runs now."""

    def alone(self, name: str, work: Work) -> Coroutine[Any, Any, None]:
        """That work, in one process at a time."""

    def held(self, name: str, notifier: Notifier) -> Notifier:
        """That channel, silent while the work of that name is another process's."""

    def every(self, seconds: float, work: Work) -> Coroutine[Any, Any, None]:
        """That work again and again, once for all processes."""

    def components(self) -> dict[str, Component]:
        """What can be said of the others: a component and how it is."""


class OwnCrew:
    """This process does it all."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    def workers(self, count: int) -> list[Coroutine[Any, Any, None]]:
        """As many loops that take the store's jobs."""
        return [self._runs.work() for _ in range(count)]

    def stop(self) -> None:
        """Take no further job."""
        self._runs.stop()

    def alone(self, name: str, work: Work) -> Coroutine[Any, Any, None]:
        """There is nobody else."""
        return work()

    def held(self, name: str, notifier: Notifier) -> Notifier:
        """There is nobody else."""
        return notifier

    async def every(self, seconds: float, work: Work) -> None:
        """By this process's own time."""
        while True:
            await asyncio.sleep(seconds)
            await work()

    def components(self) -> dict[str, Component]:
        """Nobody to speak of."""
        return {}
