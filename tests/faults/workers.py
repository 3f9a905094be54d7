"""The whole graph over either database, driven as the service drives it. Not here: tests."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from pathlib import Path

import psycopg
from procrastinate import App
from procrastinate.testing import InMemoryConnector
from structlog.testing import capture_logs

from memory.cluster import Cluster
from memory.cluster_store import ClusterStore
from nightshift.checkpoints import open_saver
from nightshift.testing import FixedRulebook, container, open_world
from tests.graph.driving import Service
from tools.runbooks import load

shipped = cache(load)


class Worker(Service):
    """Drives jobs as the service does: by itself, or as one of Procrastinate's workers."""

    number = 0

    async def segment(self, incident: str) -> None:
        """What is due of this incident, errors of ours included."""
        store = self.world.store
        if isinstance(store, ClusterStore):
            cluster = Cluster(store, App(connector=InMemoryConnector()))
            await cluster.drive(self.runs.segment, incident, self.number)
        elif (job := await store.take()) is not None:
            await self.runs.segment(job)


@asynccontextmanager
async def at_work(place: Path | str) -> AsyncIterator[Worker]:
    """`web` (with a health check) on `db`, the shipped runbooks, and everything at that place."""
    web = container("web", health="healthy", depends_on=["db"])
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(open_world(place, web, container("db")))
        world.rulebook = FixedRulebook(shipped().match)
        stack.enter_context(capture_logs())  # a traceback for people takes seconds
        worker = Worker(world, await stack.enter_async_context(open_saver(place)))
        if isinstance(place, str):
            worker.number = registered(place)
        yield worker


def registered(address: str) -> int:
    """The number of a worker that Procrastinate has just heard of."""
    with psycopg.connect(address) as connection:
        found = connection.execute("SELECT * FROM procrastinate_register_worker_v1()")
        return int(found.fetchall()[0][0])
