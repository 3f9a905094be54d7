"""Group commit: writes that wait for the writing thread together are made durable together.

A commit waits for the disk far longer than its statements take (docs/adr/0012). So whoever's turn
it is takes along all that has queued up meanwhile. Not here: the thread, or any statement.
"""

import sqlite3
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from domain.errors import NightshiftError, Transient, Unanswered

T = TypeVar("T")
MOST = 64
"""So many writes share a commit at most: none waits long for the others' statements."""
CROWD = 256
"""So many may wait before nothing more is taken in: more than ever wait while it goes on."""
FULL = 4 * CROWD
"""And so many at all: of a server that hangs for hours, looks at it alone would pile up."""
OWN_FAULT = (NightshiftError, SQLAlchemyError, sqlite3.Error, OSError, ValueError, LookupError)
"""With these a write refuses or fails; with it the whole group is rolled back."""


@dataclass(kw_only=True, eq=False)
class Write(Generic[T]):
    """A write that waits; `told` hears of its commit. `alone`: its group failed.

    `unanswered` says why nobody knows whether it was written.
    """

    work: Callable[[Connection], T]
    told: Callable[[], object]
    alone: bool = False
    unanswered: str = ""
    done: bool = False
    result: T | None = None


class Together:
    """The queue of one writing thread; all but `append` happens in that thread."""

    def __init__(self, begin: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._begin = begin
        self._waiting: deque[Write[Any]] = deque()

    @property
    def crowded(self) -> bool:
        """Whether the store is so far behind that what can come again should come later."""
        return len(self._waiting) >= CROWD

    def append(self, write: Write[Any]) -> None:
        """Queue up; call it in the order in which the turns are asked for. Raises Transient."""
        if len(self._waiting) >= FULL:
            raise Transient(f"{FULL} writes wait for the store, as many as may: not written")
        self._waiting.append(write)

    def turn_of(self, write: Write[T]) -> T:
        """Its result, committed: by an earlier turn, by this one, or alone if its group failed.

        A group is all or nothing, so a write that fails makes each of the others run once more,
        in a transaction of its own; not where it may have been written, for that would be twice.
        Raises what the write raises, Unanswered.
        """
        while not write.done:
            if write.unanswered:
                raise Unanswered(write.unanswered)
            group = self._next(write)
            if group == [write]:
                self._run(group)
            else:
                self._commit(group)
        return write.result  # type: ignore[return-value]  # set by the run that committed it

    def _next(self, write: Write[Any]) -> list[Write[Any]]:
        """Those that wait, in their order; a write whose group failed goes by itself."""
        if write.alone:
            return [write]
        count = min(MOST, len(self._waiting))
        return [self._waiting.popleft() for _ in range(count)]

    def _commit(self, group: list[Write[Any]]) -> None:
        try:
            with suppress(*OWN_FAULT):
                self._run(group)
        finally:
            for one in group:
                one.alone = not one.done

    def _run(self, group: list[Write[Any]]) -> None:
        try:
            with self._begin() as connection:
                results = [one.work(connection) for one in group]
        except Unanswered as error:
            for one in group:
                one.unanswered = str(error)
            raise
        for one, result in zip(group, results, strict=True):
            one.result, one.done = result, True
            one.told()
