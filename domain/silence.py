"""Silences that people have set in Alertmanager. Not here: asking it."""

from datetime import datetime
from typing import Protocol, runtime_checkable

from domain.plain import Record


class Matcher(Record):
    """One condition on a label; a label that an alert lacks is empty. Patterns are anchored."""

    name: str
    value: str
    pattern: bool = False
    equal: bool = True


class Silence(Record):
    """An active silence: who set it, why, and until when."""

    matchers: list[Matcher]
    by: str = ""
    comment: str = ""
    until: datetime


@runtime_checkable
class Silences(Protocol):
    """Our own Alertmanager, as far as silences go."""

    async def active(self) -> list[Silence]:
        """Those that are in force now. Raises Transient, Permanent."""
