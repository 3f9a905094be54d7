"""A store of one test, on a clock that the test owns."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from memory.store import Store, open_store
from tests.stores import CHANNELS, HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=["sqlite", "postgres"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock
) -> AsyncIterator[Store]:
    at = tmp_path if request.param == "sqlite" else request.getfixturevalue("postgres")
    async with open_store(at, clock=clock, channels=CHANNELS) as opened:
        yield opened


@pytest.fixture
async def file_store(tmp_path: Path, clock: HandClock) -> AsyncIterator[Store]:
    """For what only a file can do."""
    async with open_store(tmp_path, clock=clock, channels=CHANNELS) as opened:
        yield opened
