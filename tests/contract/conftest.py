"""What every backend must pass: the same tests run against each."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from memory.store import Store, open_store
from tests.stores import CHANNELS, HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where a store is opened: a directory, or a database of a server."""
    if request.param == "sqlite":
        return tmp_path
    address: str = request.getfixturevalue("postgres")
    return address


@pytest.fixture
async def store(place: Path | str, clock: HandClock) -> AsyncIterator[Store]:
    async with open_store(place, clock=clock, channels=CHANNELS) as opened:
        yield opened
