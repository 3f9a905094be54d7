"""What each part of the store works with. Not here: opening it."""

from dataclasses import dataclass, field
from datetime import timedelta

from domain.ports import Clock
from memory.database import Database
from memory.kept import Kept


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """A view of one database: whose rows, by which clock.

    `channels` get a message of every incident; `window` is how far back a standing looks, and
    how long a latched target must be quiet to be free; `takeover` is how long a worker of a
    cluster may give no sign of life before it counts as dead.
    """

    database: Database
    tenant: str
    clock: Clock
    channels: tuple[str, ...] = ()
    window: timedelta = timedelta(hours=1)
    takeover: timedelta = timedelta(seconds=35)
    kept: Kept = field(default_factory=Kept, repr=False)
