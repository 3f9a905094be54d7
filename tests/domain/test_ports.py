from pathlib import Path

import pytest

from domain import ports
from domain.metrics import Metrics
from nightshift.testing import (
    DictMemory,
    FakeContainers,
    FakeMetrics,
    FixedRulebook,
    NoMemory,
    StillClock,
    World,
    open_world,
)


@pytest.mark.parametrize(
    ("double", "port"),
    [
        (StillClock(), ports.Clock),
        (FakeContainers(StillClock()), ports.Containers),
        (FakeMetrics(), Metrics),
        (FixedRulebook(), ports.Rulebook),
        (DictMemory(), ports.Memory),
        (NoMemory(), ports.Memory),
    ],
)
def test_every_port_has_a_double(double: object, port: type) -> None:
    """What tests use in memory has every method of its port."""
    assert isinstance(double, port)


async def test_the_real_store_is_the_ledger(tmp_path: Path) -> None:
    """There is no second ledger for tests."""
    async with open_world(tmp_path) as world:
        assert isinstance(world, World)
        assert isinstance(world.store, ports.Ledger)
