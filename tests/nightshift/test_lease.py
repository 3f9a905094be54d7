"""nightshift/lease.py: one process at a time, and no message sent by two."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest

from domain.errors import Transient
from domain.notice import Message
from memory.cluster_store import ClusterStore
from memory.store import open_store
from nightshift.clock import SystemClock
from nightshift.crew import Work
from nightshift.lease import HeldNotifier, Lease
from nightshift.outbox import run_outbox
from nightshift.scribe import Scribe
from tests.stores import alert

TERM_S, RENEW_S = 0.6, 0.1


@dataclass
class Board:
    """Leases in a dict, whose time does not pass."""

    holders: dict[str, str] = field(default_factory=dict)
    broken: bool = False

    async def hold(self, name: str, *, holder: str, seconds: float) -> bool:
        """The port's method."""
        if self.broken:
            raise Transient("the database does not answer")
        return self.holders.setdefault(name, holder) == holder

    async def release(self, name: str, *, holder: str) -> None:
        """The port's method."""
        if self.holders.get(name) == holder:
            del self.holders[name]


@dataclass
class Channel:
    """Notes what is sent; sending takes a moment."""

    name: str = "console"
    sent: list[tuple[str, str | None]] = field(default_factory=list)

    async def deliver(self, message: Message, previous: str | None) -> str:
        """The port's method."""
        await asyncio.sleep(0.005)
        self.sent.append((message.incident, previous))
        return f"id-{len(self.sent)}"


MESSAGE = Message(incident="one", html="", text="", loud=False)


@asynccontextmanager
async def running(lease: Lease, work: Work) -> AsyncIterator[asyncio.Task[None]]:
    """The work of that lease, ended with the block."""
    task = asyncio.create_task(lease.run(work, renew_s=0.02))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def forever(begun: asyncio.Event, ended: asyncio.Event) -> None:
    """Work without an end."""
    begun.set()
    try:
        await asyncio.Event().wait()
    finally:
        ended.set()


async def test_the_second_waits_for_the_first() -> None:
    """It begins when the first one lets go, and not before."""
    board, events = Board(), [asyncio.Event() for _ in range(4)]
    async with running(Lease(board, "w"), partial(forever, *events[:2])) as first:
        await events[0].wait()
        async with running(Lease(board, "w"), partial(forever, *events[2:])):
            await asyncio.sleep(0.1)
            assert not events[2].is_set()
            first.cancel()
            await events[2].wait()

    assert events[1].is_set()


async def test_who_lost_it_ends_the_work() -> None:
    """Another holder in the books: what was begun under the lease is cancelled."""
    board, begun, ended = Board(), asyncio.Event(), asyncio.Event()
    async with running(Lease(board, "w"), partial(forever, begun, ended)):
        await begun.wait()
        board.holders["w"] = "another"
        await ended.wait()


async def test_a_silent_database_ends_it_in_time() -> None:
    """Unrenewed it lasts to the end of its term and no longer."""
    board, begun, ended = Board(), asyncio.Event(), asyncio.Event()
    lease = Lease(board, "w", term_s=0.2)
    async with running(lease, partial(forever, begun, ended)):
        await begun.wait()
        board.broken = True
        assert lease.lasts()
        await ended.wait()

    assert not lease.lasts()


async def test_it_is_released_at_the_end() -> None:
    """Who stops in order lets the next one begin at once."""
    board, begun = Board(), asyncio.Event()
    async with running(Lease(board, "w"), partial(forever, begun, asyncio.Event())):
        await begun.wait()

    assert board.holders == {}


async def test_a_frozen_process_stays_silent() -> None:
    """Awake after its term it sends nothing, before it has even looked who speaks now."""
    channel, now = Channel(), [100.0]
    lease = Lease(Board(), "w", now=lambda: now[0])
    held = HeldNotifier(channel, lease)
    await lease.renew()
    await held.deliver(MESSAGE, None)
    now[0] += 31
    with pytest.raises(Transient, match="another process"):
        await held.deliver(MESSAGE, None)

    assert len(channel.sent) == 1


@dataclass
class Abrupt:
    """A store's leases as a process uses them that is killed: it releases nothing."""

    store: ClusterStore

    async def hold(self, name: str, *, holder: str, seconds: float) -> bool:
        """The port's method."""
        return await self.store.hold(name, holder=holder, seconds=seconds)

    async def release(self, name: str, *, holder: str) -> None:
        """It had no time to."""


async def test_no_message_is_sent_by_two(postgres: str) -> None:
    """Two processes, the speaking one is killed half-way: every message once, all of them."""
    channel, clock = Channel(), SystemClock()
    couriers: dict[Lease, asyncio.Task[None]] = {}
    async with AsyncExitStack() as stack:
        for _ in range(2):
            store = await stack.enter_async_context(
                open_store(postgres, clock=clock, channels=("console",))
            )
            assert isinstance(store, ClusterStore)
            lease = Lease(Abrupt(store), "outbox-console", term_s=TERM_S)
            held = HeldNotifier(channel, lease, margin_s=0.1)
            work = partial(run_outbox, store, Scribe(store), held, clock)
            couriers[lease] = asyncio.create_task(lease.run(work, renew_s=RENEW_S))
        found = await store.accept([alert(f"n{number}") for number in range(40)])
        await until(lambda: len(channel.sent) >= 10)
        (speaking,) = [lease for lease in couriers if lease.lasts()]
        couriers[speaking].cancel()
        await until(lambda: len(channel.sent) >= 40)
        await asyncio.sleep(2 * RENEW_S)
        for task in couriers.values():
            task.cancel()
        await asyncio.gather(*couriers.values(), return_exceptions=True)

    doubled = len(channel.sent) - len(found)
    assert {one for one, _ in channel.sent} == set(found)
    assert doubled <= 1  # the one that was on its way when its sender was killed


async def until(true: Callable[[], bool]) -> None:
    """Return when it is true."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110  # a list tells nobody that it grew
            await asyncio.sleep(0.02)
