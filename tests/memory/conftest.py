"""A store of one test, on a clock that the test owns."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from memory.store import Store, open_store
from tests.stores import CHANNELS, HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def store(tmp_path: Path, clock: HandClock) -> AsyncIterator[Store]:
    async with open_store(tmp_path, clock=clock, channels=CHANNELS) as opened:
        yield opened
