"""The whole graph around a shop of two containers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nightshift.testing import FixedRulebook, container, match, open_world
from tests.graph.driving import Service


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """`web` (with a health check) stands on `db`; the runbook says start, else restart."""
    web = container("web", health="healthy", depends_on=["db"])
    async with open_world(tmp_path, web, container("db")) as world:
        world.rulebook = FixedRulebook(match("start", "restart", needs=("stop",)))
        yield Service(world)
