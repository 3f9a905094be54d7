"""A clock that is put back keeps nobody waiting for it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from memory.store import Store, open_store
from tests.stores import CHANNELS, START, HandClock, opened


@pytest.fixture
async def store(tmp_path: Path, clock: HandClock) -> AsyncIterator[Store]:
    """An empty store."""
    async with open_store(tmp_path, clock=clock, channels=CHANNELS) as store:
        yield store


async def waiting(store: Store, clock: HandClock, name: str, why: str, seconds: float) -> str:
    """An incident that waits so long for something."""
    incident = await opened(store, name)
    job = await store.take()
    assert job
    await store.wake(incident, why=why, at=clock.now() + timedelta(seconds=seconds))
    await store.done(job)
    return incident


@pytest.mark.parametrize("why", ["wake", "resume", "parent_done", "alert"])
async def test_jobs_fall_due_at_once(store: Store, clock: HandClock, why: str) -> None:
    """The node looks whether its time has come; nobody looks for an hour otherwise."""
    incident = await waiting(store, clock, "web", why, 5)
    clock.tick(-3600)
    job = await store.take()

    assert job
    assert job.incident == incident


async def test_the_end_of_a_question_stays(store: Store, clock: HandClock) -> None:
    """People have longer; ending it earlier would leave it without an end."""
    await waiting(store, clock, "web", "expiry", 60)
    clock.tick(-3600)

    assert await store.take() is None
    assert await store.next_due() == START + timedelta(seconds=60)


async def test_a_correction_is_no_jump(store: Store, clock: HandClock) -> None:
    """NTP takes a second back now and then."""
    await waiting(store, clock, "web", "wake", 5)
    clock.tick(-1)

    assert await store.take() is None


async def test_messages_go_out_and_keep_their_order(store: Store, clock: HandClock) -> None:
    """Neither an hour late nor shuffled."""
    first = await opened(store, "a")
    clock.tick(10)
    second = await opened(store, "b")
    clock.tick(10)
    for draft in await store.drafts("console", limit=9):
        await store.postpone(draft, until=clock.now() + timedelta(seconds=300), error="no network")
    await store.take()
    clock.tick(-3600)
    await store.take()
    clock.tick(60)

    drafts = await store.drafts("console", limit=9)

    assert [draft.incident for draft in drafts] == [first, second]


async def test_a_pause_that_a_channel_asked_for_is_over(store: Store, clock: HandClock) -> None:
    """Four minutes were asked for, not an hour and four."""
    await store.rest("console", until=clock.now() + timedelta(seconds=240))
    await store.take()
    clock.tick(-3600)
    await store.take()

    assert await store.rests_until("console") is None


async def test_a_clock_put_back_while_nobody_ran(tmp_path: Path, clock: HandClock) -> None:
    """At a start, the ledger's newest event tells."""
    async with open_store(tmp_path, clock=clock, channels=CHANNELS) as store:
        incident = await waiting(store, clock, "web", "wake", 5)
    clock.tick(-3600)
    async with open_store(tmp_path, clock=clock, channels=CHANNELS) as store:
        await store.recover()
        job = await store.take()

    assert job
    assert job.incident == incident
