"""A process that drives one incident, and dies by kill -9 where it is told to.

Usage: crash_child.py DIRECTORY never|promised|before|after|concluded|verifying MINUTE.
The containers live in a file of that directory, as they would outlive this process in a daemon;
each effect that takes place adds a line to `effects`.
"""

import asyncio
import json
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from domain.facts import ContainerEvent, ContainerFacts
from domain.ports import Performed
from domain.remedy import Effect
from domain.target import Target
from memory.store import open_store
from nightshift.checkpoints import open_checkpoints
from nightshift.runs import Runs
from nightshift.testing import (
    T0,
    FakeContainers,
    FixedRulebook,
    StillClock,
    World,
    firing,
    match,
)


def die() -> None:
    """Leave without a word."""
    os.kill(os.getpid(), signal.SIGKILL)


class Daemon(FakeContainers):
    """Containers in a file, shared by the processes that come one after the other."""

    def __init__(self, clock: StillClock, folder: Path, death: str) -> None:
        self._file, self._effects, self._death = folder / "containers", folder / "effects", death
        rows = json.loads(self._file.read_text())
        super().__init__(clock, *(ContainerFacts.parse(row) for row in rows))

    async def perform(self, effect: Effect) -> Performed:
        """Do it and write it down; die before or after."""
        if self._death == "before":
            die()
        performed = await super().perform(effect)
        self._file.write_text(json.dumps([facts.plain() for facts in self]))
        with self._effects.open("a") as lines:
            lines.write(f"{effect.verb} {effect.target.name}\n")
        if self._death == "after":
            die()
        return performed

    async def facts(self, target: Target) -> ContainerFacts:
        """Inspect; die in the first look after the act."""
        if self._death == "verifying" and self._effects.read_text():
            die()
        return await super().facts(target)


async def main(folder: Path, death: str, minute: int) -> None:
    """Take the alert in, as often as it is posted, and drive what is due."""
    clock = StillClock(T0 + timedelta(minutes=minute))
    async with (
        open_store(folder, clock=clock) as store,
        open_checkpoints(folder / "checkpoints.db") as saver,
    ):
        if death == "concluded":
            _die_when_concluded(store)
        if death == "promised":
            _die_when_promised(store)
        daemon = Daemon(clock, folder, death)
        world = World(store=store, clock=clock, containers=daemon)
        world.rulebook = FixedRulebook(match("start"))
        await store.saw([_death(facts) for facts in daemon if facts.finished_at])
        await store.accept([firing()])
        await store.recover()
        runs = Runs(store, world.deps, saver)
        while due := await store.next_due():
            clock.advance((due - clock.now()).total_seconds())
            if job := await store.take():
                await runs.drive(job.incident)
                await store.done(job)


def _death(facts: ContainerFacts) -> ContainerEvent:
    """What the stream told of its end."""
    key, at = facts.target.key, facts.finished_at or T0
    return ContainerEvent(target_key=key, container_id=facts.target.id, action="die", at=at)


def _die_when_promised(store: Any) -> None:
    """Die between the intent and the call."""

    async def call(_: object) -> str:
        die()
        return ""

    store.call = call


def _die_when_concluded(store: Any) -> None:
    """Die between the result in the journal and the checkpoint that knows of it."""

    async def update(incident: str, **known: Any) -> None:
        if known.get("attempts"):
            die()
        await type(store).update(store, incident, **known)

    store.update = update


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
