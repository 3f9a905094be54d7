"""In-memory implementations of every port, and builders of facts, for tests of any part.

Not here: a second ledger (tests open the real store on a file of their own), or pytest.
"""

from nightshift.testing.builders import (
    LABELS,
    T0,
    TAG,
    container,
    evidence,
    firing,
    guest,
    match,
    node,
    target,
)
from nightshift.testing.clock import StillClock
from nightshift.testing.containers import FakeContainers, dies, recovers, stays_unhealthy
from nightshift.testing.guests import FakeGuests
from nightshift.testing.ports import (
    DictMemory,
    FakeMetrics,
    FakeSilences,
    FixedReasoner,
    FixedRulebook,
    NoMemory,
)
from nightshift.testing.world import World, open_world

__all__ = [
    "LABELS",
    "T0",
    "TAG",
    "DictMemory",
    "FakeContainers",
    "FakeGuests",
    "FakeMetrics",
    "FakeSilences",
    "FixedReasoner",
    "FixedRulebook",
    "NoMemory",
    "StillClock",
    "World",
    "container",
    "dies",
    "evidence",
    "firing",
    "guest",
    "match",
    "node",
    "open_world",
    "recovers",
    "stays_unhealthy",
    "target",
]
