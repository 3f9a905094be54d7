"""Driving the whole graph as the service does. Not here: fixtures (conftest.py)."""

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver

from domain.alert import Alert
from domain.incident import Incident
from nightshift.checkpoints import strict_serde
from nightshift.runs import Runs
from nightshift.testing import World, firing


class Service:
    """Accepts alerts and drives every job until nothing is due, moving the clock to the next."""

    def __init__(self, world: World, saver: BaseCheckpointSaver[str] | None = None) -> None:
        self.world = world
        self.saver = saver or InMemorySaver(serde=strict_serde())

    @property
    def runs(self) -> Runs:
        """A worker of its own, as after a restart."""
        return Runs(self.world.store, self.world.deps, self.saver)

    async def alert(self, alert: Alert | None = None) -> str:
        """Take an alert in, with the runtime's events up to now."""
        await self.world.watch()
        return await self.world.accept(alert or firing())

    async def work(self, *, until_s: float = 3600) -> None:
        """Drive all jobs that fall due within that time."""
        store, clock = self.world.store, self.world.clock
        while (due := await store.next_due()) is not None:
            wait = (due - clock.now()).total_seconds()
            if wait > until_s:
                return
            clock.advance(max(0.0, wait))
            job = await store.take()
            assert job
            await self.runs.drive(job.incident)
            await store.done(job)
            await self.world.watch()

    async def heard(self, incident: str, kind: str) -> list[str]:
        """The texts of its events of that kind."""
        events = await self.world.store.timeline(incident)
        return [event.text for event in events if event.kind == kind]

    async def end(self, incident: str) -> Incident:
        """The incident once everything that was due has been done."""
        await self.work()
        return await self.world.store.incident(incident)

    def verbs(self) -> list[str]:
        """What was sent to the runtime, as `verb name`."""
        return [f"{one.verb} {one.target.name}" for one in self.world.containers.performed]
