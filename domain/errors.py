"""Error classes, as sentences.

NightshiftError
├── Transient            it may work later; the effect of a call is unknown
│   └── Unanswered       it was sent, so it may well have been done
├── Permanent            it will not work by itself
│   ├── NotFound         the thing asked for is not there
│   ├── Unreadable       what is stored is not what was written
│   ├── Conflict         the thing is there, but not in a state that allows this
│   ├── NoAnswer         a model answered with something that is no answer
│   ├── OverBudget       a model was not asked: its budget is spent
│   └── Unsortable       what was accepted cannot be made incidents of
├── BadConfiguration     the process must not start like this
└── NotStored            what came in could not be written down
"""


class NightshiftError(Exception):
    """Nightshift could not do what was asked."""


class Transient(NightshiftError):
    """The other side did not answer in time or was not there; asking later may work.

    After an effect was requested, it is unknown whether it took place.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unanswered(Transient):
    """What was asked was sent, and no answer came: it may well have been done."""


class Permanent(NightshiftError):
    """The other side answered, and the answer is no."""


class NotFound(Permanent):
    """The thing asked for is not there."""


class Unreadable(Permanent):
    """What is stored cannot be read as what it should be: damage, or another's hand."""


class Conflict(Permanent):
    """The thing is there, but not in a state that allows this."""


class NoAnswer(Permanent):
    """A model answered, with something that cannot be read as an answer to what was asked."""


class OverBudget(Permanent):
    """A model was not asked, for it would cost more than it may."""


class Unsortable(Permanent):
    """Accepted alerts cannot be made incidents of; `deliveries` are the rows they stand in."""

    def __init__(self, message: str, *, deliveries: list[int]) -> None:
        super().__init__(message)
        self.deliveries = deliveries


class BadConfiguration(NightshiftError):
    """A setting is missing or wrong; the message names it and says what to do."""


class NotStored(NightshiftError):
    """What came in could not be written down, so it must not be acknowledged."""
