"""What this process need not ask or write again. Not here: anything that must last."""

from dataclasses import dataclass, field
from datetime import datetime

from domain.facts import ContainerFacts
from memory.arriving import Arriving


@dataclass(kw_only=True)
class Kept:
    """Facts written last, by target key; when events were last swept; the latest time seen.

    `turns` counts what this process did to the queue: whoever looked before looks again.
    """

    well: dict[str, ContainerFacts] = field(default_factory=dict)
    swept_at: datetime | None = None
    latest: datetime | None = None
    turns: int = 0
    arriving: Arriving = field(default_factory=Arriving)
