"""The continuous subscription to the runtimes' events: desired state. Not here: its meaning."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import TypeVar

import structlog

from domain.errors import NightshiftError
from domain.facts import ContainerEvent, ContainerFacts
from domain.ports import Clock, Containers
from domain.target import Target
from memory.store import Store
from policy.reading import missing_networks

log = structlog.get_logger(__name__)

T = TypeVar("T")
AGAIN_S = 2.0
GLANCE = frozenset({"start", "unpause", "health_status", "connect", "update"})
"""Events after which a container may be well: worth keeping its facts."""


class Watch:
    """Keeps, per container, who stopped it and how it was when it was last well."""

    def __init__(self, containers: Containers, store: Store, clock: Clock) -> None:
        self._containers, self._store, self._clock = containers, store, clock
        self.problem = "not connected yet"

    def stand_by(self) -> None:
        """Another process follows the stream: that we do not is no problem."""
        self.problem = ""

    async def run(self) -> None:
        """Follow the stream for ever; after a break take it up where it ended."""
        while True:
            try:
                await self.snapshot()
                await self._follow(await self._store.last_events())
            except NightshiftError as error:
                self.problem = f"event stream broken: {error}"
                log.warning("event_stream_broken", error=str(error))
            await self._clock.sleep(AGAIN_S)

    async def snapshot(self) -> None:
        """Keep the facts of every container that is well now."""
        inventory = await self._containers.inventory()
        for facts in inventory.containers:
            await self._keep(facts)

    async def _follow(self, since: Mapping[str, datetime]) -> None:
        """From each host's last event on, however long ago: Docker tells what it still knows."""
        stream: AsyncIterator[ContainerEvent] = self._containers.events(since)
        async with aclosing(stream) as events, aclosing(batches(events)) as together:  # type: ignore[type-var]  # adapters give generators
            self.problem = ""
            async for batch in together:
                await self._store.saw(batch)
                for event in _latest(batch):
                    await self._glance(event)

    async def _glance(self, event: ContainerEvent) -> None:
        kind, _, place = event.target_key.partition(":")
        host, _, name = place.partition("/")
        target = Target(host=host, id=event.container_id, name=name, service=name)
        if kind != "container":
            return
        try:
            facts = await self._containers.facts(target)
        except NightshiftError:
            return  # it is gone again: nothing to keep
        await self._keep(facts)

    async def _keep(self, facts: ContainerFacts) -> None:
        """Keep the facts of a container that is well and still on all its networks.

        A container that was cut off stays green inside: what it had before is what it shall have.
        """
        if not facts.well:
            return
        last = await self._store.last_healthy(facts.target.key)
        same = last is not None and last.target.id == facts.target.id
        if not (same and missing_networks(facts, last)):
            await self._store.well(facts)


def _latest(batch: list[ContainerEvent]) -> list[ContainerEvent]:
    """The last event of each container after which it may be well."""
    return list({one.container_id: one for one in batch if one.action in GLANCE}.values())


async def batches(stream: AsyncIterator[T]) -> AsyncGenerator[list[T], None]:
    """What came since it was last asked, together: one item where they come singly.

    Raises what the stream raises, once all before it was handed on.
    """
    waiting: asyncio.Queue[T | None] = asyncio.Queue()

    async def pump() -> None:
        async for item in stream:
            waiting.put_nowait(item)

    pumping, over = asyncio.create_task(pump()), False
    pumping.add_done_callback(lambda _: waiting.put_nowait(None))
    try:
        while not over:
            came = [await waiting.get()]
            came += [waiting.get_nowait() for _ in range(waiting.qsize())]
            over = came[-1] is None
            if items := [one for one in came if one is not None]:
                yield items
        pumping.result()
    finally:
        await cancel([pumping])


async def cancel(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel background tasks and wait until they are gone."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
