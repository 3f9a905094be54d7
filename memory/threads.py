"""Blocking calls in threads of their own, and their way back. Not here: what is called.

A future of `concurrent.futures` has a lock, a condition and a second future chained to it; every
call of the store pays for them, some hundred times an incident. Here a call is a queue's entry on
its way in and one wake-up of the event loop on its way out.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class Threads:
    """`count` threads that take calls in the order in which they are asked; the first starts them.

    Use it on an event loop's thread.
    """

    def __init__(self, count: int, name: str) -> None:
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}_{number}", daemon=True)
            for number in range(count)
        ]
        self._started = self._ended = False

    def call(self, work: Callable[[], T], *, always: bool = False) -> asyncio.Future[T]:
        """Its result, or what it raises.

        One that is cancelled before its turn is not made, but for what is made `always`: nobody
        hears of it. Raises RuntimeError after `shutdown`: nobody would come back.
        """
        if self._ended:
            raise RuntimeError("these threads have ended")
        if not self._started:
            self._started = True
            for thread in self._threads:
                thread.start()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._calls.put(_Call(work, future, always=always))
        return future

    def shutdown(self) -> None:
        """Wait for all calls that were asked for, and take no more; blocks."""
        self._ended = True
        if not self._started:
            return
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call.make()


class _Call:
    def __init__(
        self, work: Callable[[], Any], future: asyncio.Future[Any], *, always: bool
    ) -> None:
        self._work, self._future, self._always = work, future, always

    def make(self) -> None:
        if self._future.cancelled() and not self._always:
            return
        try:
            result = self._work()
        except BaseException as error:  # noqa: BLE001  # it is the caller's
            self._back(self._future.set_exception, error)
        else:
            self._back(self._future.set_result, result)

    def _back(self, tell: Callable[[Any], None], what: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._future.get_loop().call_soon_threadsafe(self._tell, tell, what)

    def _tell(self, tell: Callable[[Any], None], what: object) -> None:
        if not self._future.cancelled():
            tell(what)
