"""What every backend must pass: the same tests run against each."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from memory.store import Store, open_store
from tests.stores import CHANNELS, HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def _sqlite(folder: Path, clock: HandClock) -> AbstractAsyncContextManager[Store]:
    return open_store(folder, clock=clock, channels=CHANNELS)


BACKENDS = {"sqlite": _sqlite}


@pytest.fixture(params=BACKENDS)
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock
) -> AsyncIterator[Store]:
    async with BACKENDS[request.param](tmp_path, clock) as opened:
        yield opened
