"""Containers of a lab for a test, without monitoring around them."""

from collections.abc import AsyncIterator

import docker
import pytest

from lab.containers import Fleet
from lab.faults import Breaker
from lab.recorder import Recorder
from lab.scenario import Step
from lab.stack import new_id


class Bench:
    """A fleet, its recorder, and a way to break it."""

    def __init__(self, fleet: Fleet, recorder: Recorder) -> None:
        self.fleet = fleet
        self.recorder = recorder

    async def breaks(self, **step: object) -> None:
        """Do one step of a fault."""
        breaker = Breaker(self.fleet, self.recorder, self._post)
        await breaker.run([Step.model_validate(step)])

    async def _post(self, _: dict[str, object]) -> None:
        """Nobody listens here."""


@pytest.fixture
async def bench(real_docker: str) -> AsyncIterator[Bench]:
    """Yield an empty fleet; everything it makes is removed."""
    client = docker.DockerClient(real_docker, timeout=30)
    fleet = Fleet(client, new_id())
    async with Recorder(client) as recorder:
        try:
            yield Bench(fleet, recorder)
        finally:
            fleet.close()
    client.close()
