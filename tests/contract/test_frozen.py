"""A store that hangs: what may pile up before it is bounded, and nothing acknowledged is lost."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import Connection

from domain.errors import NotStored, Transient
from memory import together
from memory.store import Store
from tests.stores import alert

FEW = 8


@asynccontextmanager
async def frozen(store: Store) -> AsyncIterator[None]:
    """The writing thread does not come back until the block ends."""
    held, begun = threading.Event(), threading.Event()

    def hang(_: Connection) -> None:
        begun.set()
        held.wait(20)

    hanging = asyncio.create_task(store.database.write_quietly(hang))
    await asyncio.to_thread(begun.wait, 20)
    try:
        yield
    finally:
        held.set()
        await hanging


async def waiting(store: Store) -> list[asyncio.Task[list[str]]]:
    """As many deliveries as may wait; each has looked for earlier ones before."""
    tasks = [asyncio.create_task(store.accept([alert(f"n{n}")])) for n in range(FEW)]
    async with asyncio.timeout(10):
        while not store.database.crowded:  # noqa: ASYNC110  # a queue that wakes nobody
            await asyncio.sleep(0.005)
    return tasks


async def test_no_more_is_taken_in(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One delivery too many is refused at once; the others are stored when it goes on."""
    monkeypatch.setattr(together, "CROWD", FEW)
    async with frozen(store):
        tasks = await waiting(store)
        with pytest.raises(NotStored, match="far behind"):
            await store.accept([alert("more")])
        await store_writes(store)
    found = [(await task)[0] for task in tasks]
    kept = {one.id for one in await store.incidents(limit=99)}

    assert kept == set(found)
    assert await store.accept([alert("more")])


async def store_writes(store: Store) -> None:
    """What drives incidents still may wait."""
    task = asyncio.create_task(store.prove_writable())
    await asyncio.sleep(0)
    assert not task.done()


async def test_what_was_given_up_is_worked_off(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All senders have gone; without another write, room is made and their alerts are stored."""
    monkeypatch.setattr(together, "CROWD", FEW)
    async with frozen(store):
        for task in await waiting(store):
            task.cancel()
        await asyncio.sleep(0)
    async with asyncio.timeout(10):
        while len(await store.incidents(limit=99)) < FEW:
            await store.wait_change(None, timeout=0.1)

    assert not store.database.crowded


async def test_nothing_piles_up_without_end(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above a bound no write waits at all, whoever wants it."""
    monkeypatch.setattr(together, "FULL", FEW)
    monkeypatch.setattr(together, "CROWD", FEW)
    async with frozen(store):
        tasks = await waiting(store)
        with pytest.raises(Transient, match="wait for the store"):
            await store.prove_writable()

    assert len(await asyncio.gather(*tasks)) == FEW
