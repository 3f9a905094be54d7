"""How the last real use of a dependency went, where asking for its own sake would cost something.

Not here: dependencies that can be asked for nothing (nightshift/components.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from domain.errors import NightshiftError, Unanswered
from domain.notice import Message, Notifier
from domain.ports import Clock
from domain.reasoning import Answer, Question, Reasoner


class LastUse:
    """`word` is `ok` until a use fails, and again from the next one that does not."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.word = "ok"

    @contextmanager
    def noted(self) -> Iterator[None]:
        """One use; what it raises goes on."""
        try:
            yield
        except NightshiftError as error:
            self.word = f"{error} (at {self._clock.now():%Y-%m-%d %H:%M:%S} UTC)"
            raise
        self.word = "ok"

    async def say(self) -> str:
        """The word, as a component gives it."""
        return self.word


class HeardNotifier:
    """A channel whose failures are kept; `maybe_doubled` counts what may stand there twice."""

    def __init__(self, notifier: Notifier, clock: Clock) -> None:
        self._notifier = notifier
        self._doubtful: set[str] = set()
        self.name = notifier.name
        self.last = LastUse(clock)
        self.maybe_doubled = 0

    async def deliver(self, message: Message, previous: str | None) -> str:
        """The port's method. A send that follows one without an answer may be the second."""
        with self.last.noted():
            try:
                sent = await self._notifier.deliver(message, previous)
            except Unanswered:
                self._doubtful.add(message.incident)
                raise
        if message.incident in self._doubtful:
            self._doubtful.discard(message.incident)
            self.maybe_doubled += 1
        return sent


class HeardReasoner:
    """A model whose failures are kept."""

    def __init__(self, reasoner: Reasoner, clock: Clock) -> None:
        self._reasoner = reasoner
        self.last = LastUse(clock)

    async def diagnose(self, question: Question) -> Answer:
        """The port's method."""
        with self.last.noted():
            return await self._reasoner.diagnose(question)
