"""Sharing work out among several processes, where the store is one they share. Part of wiring."""

from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, cast

from domain.notice import Notifier
from memory.store import Store
from nightshift.crew import Component, Crew, OwnCrew, Work
from nightshift.lease import HeldNotifier, Lease
from nightshift.runs import Runs
from nightshift.settings import Settings
from nightshift.watch import Watch
from nightshift.wiring_store import shared

if TYPE_CHECKING:
    from memory.cluster import Cluster
    from memory.cluster_store import ClusterStore


NOBODY = "no living worker"


async def crew_of(store: Store) -> str:
    """How many workers live, in words; empty for a store of one process. Raises Transient."""
    if not store.database.shared:
        return ""
    living = await cast("ClusterStore", store).living()
    return f"{living} living workers" if living else NOBODY


async def open_crew(
    settings: Settings, stack: AsyncExitStack, store: Store, runs: Runs, watch: Watch
) -> Crew:
    """This process alone, or as one of several."""
    if not shared(settings):
        return OwnCrew(runs)
    from memory.cluster import open_cluster
    from memory.cluster_store import ClusterStore

    assert isinstance(store, ClusterStore)  # noqa: S101  # it was opened at the same place
    cluster = await stack.enter_async_context(open_cluster(store))
    watch.stand_by()
    return ClusterCrew(store, cluster, runs)


class ClusterCrew:
    """Jobs by Procrastinate, what only one may do by leases."""

    def __init__(self, store: "ClusterStore", cluster: "Cluster", runs: Runs) -> None:
        self._store, self._cluster, self._runs = store, cluster, runs
        self._leases: dict[str, Lease] = {}
        self._check: Work | None = None

    def workers(self, count: int) -> list[Coroutine[Any, Any, None]]:
        """One worker of Procrastinate's for as many incidents at a time."""
        return [self._cluster.work(self._runs.segment, concurrency=count, check=self._look)]

    def stop(self) -> None:
        """Take no further job; running segments end after the node that runs now."""
        self._cluster.stop()
        self._runs.stop()

    def alone(self, name: str, work: Work) -> Coroutine[Any, Any, None]:
        """Whenever the lease of that name is ours."""
        return self._lease(name).run(work)

    def held(self, name: str, notifier: Notifier) -> Notifier:
        """Silent while the lease of that name is not ours."""
        return HeldNotifier(notifier, self._lease(name))

    def every(self, seconds: float, work: Work) -> Coroutine[Any, Any, None]:
        """Deferred once for all, and done by whichever worker takes it."""
        self._check = work
        return self._cluster.every(seconds)

    def components(self) -> dict[str, Component]:
        """Whether anybody works on what is accepted."""

        async def crew() -> str:
            living = await self._store.living()
            return "ok" if living else "no worker is alive: what is accepted waits"

        return {"crew": crew}

    async def _look(self) -> None:
        if self._check is not None:
            await self._check()

    def _lease(self, name: str) -> Lease:
        return self._leases.setdefault(name, Lease(self._store, name))
