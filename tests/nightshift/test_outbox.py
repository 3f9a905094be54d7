"""The courier over lists, a channel of lists and a clock that only moves when told."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from domain.errors import NotFound, Permanent, Transient
from domain.incident import Incident
from domain.notice import Message
from domain.store import Draft, TimelineEvent
from nightshift.outbox import ALONE, LONGEST_BACKOFF_S, REFUSED_S, Courier, backoff, run_outbox
from nightshift.scribe import Scribe
from nightshift.testing import T0, StillClock, firing


@dataclass
class ListBooks:
    """Outbox, ledger and reading of one channel, in lists."""

    clock: StillClock
    waiting: dict[str, Draft] = field(default_factory=dict)
    held: dict[str, datetime] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    rests: list[datetime] = field(default_factory=list)
    broken: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, incident: str, *, loud: bool = False) -> None:
        """One more event of this incident."""
        draft = self.waiting.get(incident) or Draft(
            incident=incident, channel="list", version=0, loud=False, external_id=None, tries=0
        )
        changes = {"version": draft.version + 1, "loud": draft.loud or loud}
        self.waiting[incident] = draft.model_copy(update=changes)
        self.news.set()

    async def drafts(self, channel: str, *, limit: int) -> list[Draft]:
        """What is not held back."""
        now = self.clock.now()
        due = [one for key, one in self.waiting.items() if self.held.get(key, now) <= now]
        return [one for one in due if one.version][:limit]

    async def delivered(self, draft: Draft, *, external_id: str) -> None:
        """Nothing more to show; the next event starts from here."""
        if self.broken:
            self.broken -= 1
            raise Transient("the disk is full")
        clean = {"version": 0, "loud": False, "tries": 0, "external_id": external_id}
        self.waiting[draft.incident] = draft.model_copy(update=clean)

    async def postpone(self, draft: Draft, *, until: datetime, error: str) -> None:
        """Hold it back."""
        self.held[draft.incident] = until
        self.errors.append(error)
        self.waiting[draft.incident] = draft.model_copy(update={"tries": draft.tries + 1})

    async def rest(self, channel: str, *, until: datetime) -> None:
        """Keep it."""
        self.rests.append(until)

    async def rests_until(self, channel: str) -> datetime | None:
        """The last one."""
        return self.rests[-1] if self.rests else None

    async def incident(self, incident: str) -> Incident:
        """An open incident of that id."""
        if incident == "lost":
            raise NotFound("there is no incident 'lost'")
        return Incident(id=incident, alert=firing(), occurrence=1, status="open", opened_at=T0)

    async def story(self, incident: str) -> tuple[Incident, list[TimelineEvent]]:
        """Nothing has happened yet."""
        return await self.incident(incident), []


@dataclass
class ListChannel:
    """Notes what it is given; `refusals` are raised first."""

    name: str = "list"
    taken: list[tuple[str, str | None, bool]] = field(default_factory=list)
    refusals: list[Exception] = field(default_factory=list)
    on_taken: Callable[[], object] = lambda: None

    async def deliver(self, message: Message, previous: str | None) -> str:
        """The port's method."""
        if self.refusals:
            raise self.refusals.pop(0)
        self.taken.append((message.incident, previous, message.loud))
        self.on_taken()
        return f"{message.incident}#{len(self.taken)}"


@pytest.fixture
def clock() -> StillClock:
    """At T0."""
    return StillClock()


@pytest.fixture
def books(clock: StillClock) -> ListBooks:
    """Empty."""
    return ListBooks(clock)


@pytest.fixture
def channel() -> ListChannel:
    """Willing."""
    return ListChannel()


@pytest.fixture
def courier(books: ListBooks, channel: ListChannel, clock: StillClock) -> Courier:
    """The worker under test."""
    return Courier(books, Scribe(books), channel, clock)  # type: ignore[arg-type]  # only what it asks for


async def test_a_first_message_goes_out_at_once(
    books: ListBooks, channel: ListChannel, courier: Courier
) -> None:
    """Sent, recorded, and not sent again."""
    books.tell("a")

    await courier.round()
    await courier.round()

    assert channel.taken == [("a", None, False)]
    assert books.waiting["a"].external_id == "a#1"


async def test_edits_of_one_message_are_gathered(
    books: ListBooks, channel: ListChannel, courier: Courier, clock: StillClock
) -> None:
    """Three events within three seconds are one edit, when the three seconds are over."""
    books.tell("a")
    await courier.round()
    books.tell("a")
    clock.advance(1)
    pause = await courier.round()
    books.tell("a")
    clock.advance(2)
    await courier.round()

    assert pause == 2.0
    assert channel.taken == [("a", None, False), ("a", "a#1", False)]


async def test_a_loud_message_waits_for_nothing(
    books: ListBooks, channel: ListChannel, courier: Courier
) -> None:
    """A person is not kept waiting to be woken."""
    books.tell("a")
    await courier.round()
    books.tell("a", loud=True)
    await courier.round()

    assert channel.taken[-1] == ("a", "a#1", True)


async def test_one_incidents_pacing_does_not_hold_another(
    books: ListBooks, channel: ListChannel, courier: Courier
) -> None:
    """Pacing is by message."""
    books.tell("a")
    await courier.round()
    books.tell("a")
    books.tell("b")
    await courier.round()

    assert [incident for incident, _, _ in channel.taken] == ["a", "b"]


async def test_an_outage_is_met_with_longer_and_longer_pauses(
    books: ListBooks, channel: ListChannel, courier: Courier, clock: StillClock
) -> None:
    """The channel rests as a whole; each failure is counted in the draft, with its reason."""
    books.tell("a")
    channel.refusals = [Transient("no network"), Transient("no network")]

    pauses = []
    for _ in range(3):
        pauses.append(await courier.round())
        clock.advance(pauses[-1] if courier.resting else 0)

    assert pauses == [2.0, 4.0, float("inf")]
    assert books.errors == ["no network"] * 2
    assert channel.taken == [("a", None, False)]


async def test_nobody_overtakes_in_an_outage(
    books: ListBooks, channel: ListChannel, courier: Courier, clock: StillClock
) -> None:
    """What came later is told later, however often the first one failed."""
    books.tell("a")
    channel.refusals = [Transient("no network")] * 3
    for news in ("b", "c", "d"):
        await courier.round()
        books.tell(news, loud=True)
        clock.advance(courier._rest.total_seconds())
    await courier.round()

    assert [incident for incident, _, _ in channel.taken] == ["a", "b", "c", "d"]


async def test_a_poisoned_message_does_not_hold_the_others_for_ever(
    books: ListBooks, channel: ListChannel, courier: Courier, clock: StillClock
) -> None:
    """What alone has failed for over an hour is passed by, and still tried."""
    books.tell("a")
    books.waiting["a"] = books.waiting["a"].model_copy(update={"tries": ALONE})
    books.tell("b")
    channel.refusals = [Transient("time-out")]

    await courier.round()
    clock.advance(2)
    await courier.round()

    assert [incident for incident, _, _ in channel.taken] == ["b", "a"]


async def test_a_restart_makes_no_haste(
    books: ListBooks, channel: ListChannel, courier: Courier
) -> None:
    """What failed five times before is tried again as late as by the one who failed."""
    books.tell("a")
    books.waiting["a"] = books.waiting["a"].model_copy(update={"tries": 5})
    channel.refusals = [Transient("no network")]

    assert await courier.round() == backoff(5)


async def test_a_pause_asked_for_is_noted_and_is_no_failed_try(
    books: ListBooks, channel: ListChannel, courier: Courier, clock: StillClock
) -> None:
    """A busy chat that asks for a pause again and again is no message's fault."""
    books.tell("a")
    channel.refusals = [Transient("slow down", retry_after=3.0)] * 2
    for _ in range(2):
        clock.advance(await courier.round())

    assert books.rests == [T0 + timedelta(seconds=3), T0 + timedelta(seconds=6)]
    assert books.waiting["a"].tries == 0


async def test_a_clock_put_back_makes_no_pause_longer(
    books: ListBooks, channel: ListChannel, courier: Courier, clock: StillClock
) -> None:
    """Seventeen seconds were asked for, not an hour and seventeen seconds."""
    books.tell("a")
    channel.refusals = [Transient("slow down", retry_after=17.0)]
    await courier.round()
    clock.put(-3600)

    assert not courier.resting


async def test_a_pause_is_for_the_whole_channel(
    books: ListBooks, channel: ListChannel, courier: Courier, clock: StillClock
) -> None:
    """Telegram's limits are the bot's: nobody is served until they are over, loud ones neither."""
    books.tell("a")
    books.tell("b", loud=True)
    channel.refusals = [Transient("slow down", retry_after=17.0)]

    pause = await courier.round()
    await courier.round()
    nobody = list(channel.taken)
    clock.advance(17)
    await courier.round()

    assert (pause, nobody) == (17.0, [])
    assert sorted(incident for incident, _, _ in channel.taken) == ["a", "b"]


@pytest.mark.parametrize("incident", ["a", "lost"])
async def test_a_refusal_is_kept_and_tried_much_later(
    books: ListBooks, channel: ListChannel, courier: Courier, clock: StillClock, incident: str
) -> None:
    """Nothing is dropped silently, be it the channel or the ledger that says no."""
    books.tell(incident)
    channel.refusals = [Permanent("chat not found")]

    await courier.round()

    assert books.held[incident] == clock.now() + timedelta(seconds=REFUSED_S)
    assert len(books.errors) == 1


async def test_a_delivery_that_could_not_be_recorded_is_not_doubled(
    books: ListBooks, channel: ListChannel, courier: Courier, clock: StillClock
) -> None:
    """The store failed after the send: what was sent is recorded later, and rings once."""
    books.broken = 2
    books.tell("a", loud=True)

    for _ in range(3):
        await courier.round()
        clock.advance(10)

    assert channel.taken == [("a", None, True)]
    assert books.waiting["a"].external_id == "a#1"


async def test_news_after_an_unrecorded_delivery_edit_it(
    books: ListBooks, channel: ListChannel, courier: Courier, clock: StillClock
) -> None:
    """The message that nobody wrote down is known to who sent it."""
    books.broken = 1
    books.tell("a")
    await courier.round()
    books.tell("a")
    clock.advance(10)
    await courier.round()

    assert [previous for _, previous, _ in channel.taken] == [None, "a#1"]


async def test_an_unreadable_outbox_is_asked_again(
    books: ListBooks, channel: ListChannel, courier: Courier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A locked database stops the worker for a moment, not for good."""

    async def locked(channel: str, *, limit: int) -> list[Draft]:
        raise Transient("database is locked")

    monkeypatch.setattr(books, "drafts", locked)

    assert await courier.round() == 2.0


async def test_the_worker_wakes_when_told(
    books: ListBooks, channel: ListChannel, clock: StillClock
) -> None:
    """An event written now is told now, not at the next poll."""
    sent = asyncio.Event()
    channel.on_taken = sent.set
    clock.sleep = lambda _: asyncio.sleep(3600)  # type: ignore[method-assign,assignment]  # time stands still
    work = run_outbox(books, Scribe(books), channel, clock, wakeup=books.news)  # type: ignore[arg-type]  # only what it asks for
    worker = asyncio.create_task(work)
    await asyncio.sleep(0)

    books.tell("a")
    async with asyncio.timeout(10):
        await sent.wait()

    assert channel.taken == [("a", None, False)]
    worker.cancel()


def test_backoff_grows_to_a_bound() -> None:
    """From two seconds to five minutes."""
    assert [backoff(tries) for tries in range(3)] == [2.0, 4.0, 8.0]
    assert backoff(10_000) == LONGEST_BACKOFF_S
