"""Everything a run needs, around the real store. Not here: the fakes themselves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from langgraph.runtime import ExecutionInfo, Runtime

from domain.alert import Alert
from domain.deps import Deps
from domain.facts import ContainerFacts
from domain.limits import Limits
from domain.ports import Memory
from domain.reasoning import Reasoner
from memory.store import Store, open_store
from nightshift.testing.builders import LABELS, TAG
from nightshift.testing.clock import StillClock
from nightshift.testing.containers import FakeContainers
from nightshift.testing.guests import FakeGuests
from nightshift.testing.ports import DictMemory, FakeMetrics, FakeSilences, FixedRulebook
from policy.reading import missing_networks


@dataclass(kw_only=True)
class World:
    """Fakes and limits that a test may change, and the real store."""

    store: Store
    clock: StillClock
    containers: FakeContainers
    metrics: FakeMetrics | None = field(default_factory=FakeMetrics)
    memory: Memory = field(default_factory=DictMemory)
    rulebook: FixedRulebook = field(default_factory=FixedRulebook)
    limits: Limits = field(default_factory=lambda: Limits(scope=dict(LABELS), guest_scope=[TAG]))
    guests: FakeGuests | None = None
    silences: FakeSilences | None = None
    reasoner: Reasoner | None = None
    _told: int = 0

    @property
    def deps(self) -> Deps:
        """The context of a run."""
        return Deps(
            clock=self.clock,
            containers=self.containers,
            metrics=self.metrics,
            ledger=self.store,
            memory=self.memory,
            rulebook=self.rulebook,
            limits=self.limits,
            guests=self.guests,
            silences=self.silences,
            reasoner=self.reasoner,
        )

    def runtime(self, thread: str) -> Runtime[Deps]:
        """What LangGraph hands to a node that runs on this thread."""
        info = ExecutionInfo(checkpoint_id="", checkpoint_ns="", task_id="", thread_id=thread)
        return Runtime(context=self.deps, execution_info=info)

    def limit(self, **changes: object) -> None:
        """Change some of the limits."""
        self.limits = self.limits.model_copy(update=changes)

    async def accept(self, alert: Alert) -> str:
        """Take an alert in and return its incident."""
        return (await self.store.accept([alert]))[0]

    async def watch(self) -> None:
        """Bring the store up to date with the runtime's events and the facts of what is well."""
        news = self.containers.story[self._told :]
        self._told += len(news)
        await self.store.saw(news)
        for facts in self.containers:
            last = await self.store.last_healthy(facts.target.key)
            if facts.well and not missing_networks(facts, last):
                await self.store.well(facts)


@asynccontextmanager
async def open_world(place: Path | str, *containers: ContainerFacts) -> AsyncIterator[World]:
    """A world with these containers, known to be well where they are, and an empty store."""
    clock = StillClock()
    async with open_store(
        place,
        tenant="default",
        clock=clock,
        channels=("console",),
        window_s=Limits().latch_quiet_s,
    ) as store:
        world = World(store=store, clock=clock, containers=FakeContainers(clock, *containers))
        await world.watch()
        yield world
