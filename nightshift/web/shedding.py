"""How many deliveries may wait to be written down. Not here: writing them.

A store that cannot keep up must show: Alertmanager repeats what was answered 503, and what
waits in memory without end would take the process with it.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class Overloaded(Exception):
    """As many deliveries wait as may; the text is what the sender is told."""


class Gate:
    """Counts the deliveries between their first byte and their answer."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.waiting = 0

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Hold one place while the block runs. Raises Overloaded where there is none left."""
        if self.waiting >= self._most:
            raise Overloaded(
                f"{self.waiting} deliveries wait to be written down, which is as many as may: "
                "this one was not stored, send it again"
            )
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1
