"""How busily alerts come in, so that work can give way to them. Not here: the alerts."""

import time
from collections import deque
from collections.abc import Callable

MANY, WITHIN_S = 5, 0.25
"""More than a person's pace: a group of alerts is one delivery, and some groups are no rush."""


class Arriving:
    """Remembers when the last few deliveries came; seconds of a clock that never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: deque[float] = deque(maxlen=MANY)

    def came(self) -> None:
        """One more delivery."""
        self._last.append(self._clock())

    @property
    def rush(self) -> bool:
        """Whether they come faster than MANY in WITHIN_S just now."""
        return len(self._last) == MANY and self._clock() - self._last[0] < WITHIN_S
