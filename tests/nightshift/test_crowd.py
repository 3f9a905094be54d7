"""The courier over the real store, when many incidents would speak at once."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from domain.errors import Transient
from domain.incident import Event
from domain.notice import Message
from domain.store import Digest, Draft
from memory.store import Store, open_store
from nightshift.crowd import Crowd
from nightshift.outbox import Courier
from nightshift.scribe import Scribe
from nightshift.testing import StillClock, firing


class Chat:
    """A channel that keeps what stands in it; `refusals` are raised first."""

    name = "chat"

    def __init__(self) -> None:
        self.stands: dict[str, Message] = {}
        self.sent = 0
        self.refusals: list[Exception] = []

    async def deliver(self, message: Message, previous: str | None) -> str:
        """Send, or replace what stood."""
        if self.refusals:
            raise self.refusals.pop(0)
        number = previous
        if previous is None or message.loud:
            self.sent += 1
            self.stands.pop(previous or "", None)
            number = f"m{self.sent}"
        self.stands[str(number)] = message
        return str(number)


class Desk:
    """Store, channel and courier of one test."""

    def __init__(self, store: Store, clock: StillClock) -> None:
        self.store, self.clock, self.chat = store, clock, Chat()
        self.courier = Courier(store, Scribe(store), self.chat, clock)
        self.courier.crowd = self.crowd()

    def crowd(self) -> Crowd:
        """One that has seen nothing, as after a restart."""
        between = timedelta(seconds=3)
        return Crowd(self.store, self.chat, self.clock, after=3, between=between)

    async def escalate(self, *names: str) -> list[str]:
        """Incidents that need a person."""
        ids = await self.store.accept([firing("Down", name=name) for name in names])
        for one in ids:
            event = Event(kind="diagnosis", at=self.clock.now(), text="nobody knows")
            await self.store.record(one, event)
            await self.store.finish(one, "escalated", "gave up", None)
        return ids


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Three messages a minute may stand alone."""
    clock = StillClock()
    async with open_store(tmp_path, clock=clock, channels=("chat",)) as store:
        yield Desk(store, clock)


async def test_a_few_speak_for_themselves(desk: Desk) -> None:
    """As many as may have a message each."""
    await desk.escalate("a", "b", "c")
    await desk.courier.round()

    assert desk.chat.sent == 3
    assert not any("at once" in one.text for one in desk.chat.stands.values())


async def test_many_are_one_message(desk: Desk) -> None:
    """Forty at once: one message, loud, that counts them all."""
    await desk.escalate(*(f"web{n}" for n in range(40)))
    await desk.courier.round()
    ((_, message),) = desk.chat.stands.items()

    assert (desk.chat.sent, message.loud) == (1, True)
    assert "40 incidents at once" in message.text
    assert "40 need you" in message.text


async def test_what_comes_after_is_gathered_and_edited(desk: Desk) -> None:
    """The digest grows in place; those before it keep their messages."""
    await desk.escalate("a", "b", "c")
    await desk.courier.round()
    for wave in range(5):
        await desk.escalate(*(f"w{wave}-{n}" for n in range(10)))
        desk.clock.advance(4)
        await desk.courier.round()

    assert desk.chat.sent == 4
    assert "50 incidents at once" in list(desk.chat.stands.values())[-1].text


async def test_a_restart_goes_on_with_the_same_digest(desk: Desk) -> None:
    """Who is in it was written down: no second digest, nobody told twice."""
    await desk.escalate(*(f"a{n}" for n in range(9)))
    await desk.courier.round()
    desk.courier.crowd = desk.crowd()
    await desk.escalate("late")
    desk.clock.advance(4)
    await desk.courier.round()

    assert desk.chat.sent == 1
    assert "10 incidents at once" in next(iter(desk.chat.stands.values())).text


async def test_a_digest_that_failed_is_sent_later(desk: Desk) -> None:
    """The channel is down: its members are not lost, the digest follows when it is back."""
    desk.chat.refusals = [Transient("no route", retry_after=30)]
    await desk.escalate(*(f"a{n}" for n in range(9)))
    await desk.courier.round()
    before = desk.chat.sent
    desk.clock.advance(31)
    await desk.courier.round()

    assert (before, desk.chat.sent) == (0, 1)


async def test_a_pause_asked_for_outlives_the_process(desk: Desk) -> None:
    """Digests keep it too: whoever is the courier next was never refused himself."""
    await desk.escalate("a")
    desk.chat.refusals = [Transient("slow down", retry_after=240)]
    await desk.courier.round()
    await desk.escalate(*(f"b{n}" for n in range(9)))
    restarted = Courier(desk.store, Scribe(desk.store), desk.chat, desk.clock)
    restarted.crowd = desk.crowd()
    pause = await restarted.round()
    early = desk.chat.sent
    desk.clock.advance(pause)
    await restarted.round()

    assert (pause, early) == (240, 0)
    assert desk.chat.sent == 1


async def test_a_digest_with_nothing_to_say_is_not_asked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it is out nobody looks, until somebody is gathered again."""
    looks, digests = [0], desk.store.digests

    async def counted(channel: str) -> list[Digest]:
        looks[0] += 1
        return await digests(channel)

    monkeypatch.setattr(desk.store, "digests", counted)
    await desk.escalate(*(f"web{n}" for n in range(10)))
    for _ in range(5):
        desk.clock.advance(4)
        await desk.courier.round()
    before = looks[0]
    await desk.escalate("late")
    desk.clock.advance(4)
    await desk.courier.round()

    assert before == 2
    assert looks[0] == 3
    assert "11 incidents at once" in next(iter(desk.chat.stands.values())).text


async def test_a_ring_that_waits_is_not_forgotten(desk: Desk) -> None:
    """A digest that rang a moment ago and shall ring again is asked until it does."""
    await desk.escalate(*(f"web{n}" for n in range(10)))
    desk.clock.advance(4)
    await desk.courier.round()
    await desk.escalate("late")
    rang = desk.chat.sent
    for _ in range(8):
        desk.clock.advance(60)
        await desk.courier.round()

    assert (rang, desk.chat.sent) == (1, 2)


async def test_who_was_gathered_unheard_is_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store wrote it down and its answer was lost: the digest is asked for all the same."""
    await desk.courier.round()
    gather = desk.store.gather

    async def unheard(drafts: Sequence[Draft]) -> None:
        await gather(drafts)
        if drafts:
            raise Transient("it may have been written")

    monkeypatch.setattr(desk.store, "gather", unheard)
    await desk.escalate(*(f"web{n}" for n in range(10)))
    for _ in range(3):
        desk.clock.advance(4)
        await desk.courier.round()

    assert "10 incidents at once" in next(iter(desk.chat.stands.values())).text
