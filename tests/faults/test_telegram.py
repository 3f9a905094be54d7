"""Telegram down, slow and lying: an hour in virtual time, and the rest over real HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.errors import NightshiftError, Transient, Unanswered
from domain.notice import Message
from memory.store import Store, open_store
from nightshift.heard import HeardNotifier
from nightshift.outbox import Courier
from nightshift.scribe import Scribe
from nightshift.testing import StillClock, firing
from tests.faults.houses import House, down, lying, slow

SEND = "/sendMessage"


class Chat:
    """A channel that raises `trouble` while there is some; `taken` are the incidents shown."""

    name = "console"

    def __init__(self) -> None:
        self.trouble: NightshiftError | None = None
        self.taken: list[str] = []

    async def deliver(self, message: Message, previous: str | None) -> str:
        """The port's method."""
        if self.trouble:
            raise self.trouble
        if message.incident not in self.taken:
            self.taken.append(message.incident)
        return message.incident


@pytest.fixture
async def store(tmp_path: Path, clock: StillClock) -> AsyncIterator[Store]:
    """The real outbox."""
    async with open_store(tmp_path, clock=clock, channels=("console",)) as store:
        yield store


@pytest.fixture
def clock() -> StillClock:
    """Hours pass at once."""
    return StillClock()


async def rounds(courier: Courier, clock: StillClock, *, for_s: float) -> None:
    """What the courier does in that time."""
    end = clock.now().timestamp() + for_s
    while clock.now().timestamp() < end:
        pause = await courier.round()
        clock.advance(min(max(pause, 1.0), 30.0) if courier.resting else 1.0)


async def opened(store: Store, clock: StillClock, number: int) -> str:
    """One more incident, of which somebody should hear."""
    (incident,) = await store.accept([firing(name=f"c{number}")])
    clock.advance(3)
    return incident


async def test_down_for_an_hour(store: Store, clock: StillClock) -> None:
    """Thirty incidents in an hour without a network: all told afterwards, oldest first."""
    chat = Chat()
    courier = Courier(store, Scribe(store), chat, clock)
    chat.trouble = Transient("Telegram cannot be reached")
    told = []
    for number in range(30):
        told.append(await opened(store, clock, number))
        await rounds(courier, clock, for_s=117)
    during = list(chat.taken)
    chat.trouble = None
    await rounds(courier, clock, for_s=330)

    assert (during, chat.taken) == ([], told)
    assert (await store.stats()).outbox_behind == 0


async def test_down_over_a_restart(store: Store, clock: StillClock) -> None:
    """A courier that knows nothing of the outage keeps the order too."""
    chat = Chat()
    chat.trouble = Transient("Telegram cannot be reached")
    told = [await opened(store, clock, number) for number in range(3)]
    await rounds(Courier(store, Scribe(store), chat, clock), clock, for_s=600)
    told.append(await opened(store, clock, 3))
    chat.trouble = None
    await rounds(Courier(store, Scribe(store), chat, clock), clock, for_s=10)

    assert chat.taken == told


async def test_a_pause_asked_for_is_kept_to_the_second(store: Store, clock: StillClock) -> None:
    """`retry_after` is for the whole channel; not a request before it is over."""
    chat = Chat()
    courier = Courier(store, Scribe(store), chat, clock)
    incident = await opened(store, clock, 0)
    chat.trouble = Transient("Telegram asks for a pause", retry_after=240.0)
    pause = await courier.round()
    chat.trouble = None
    clock.advance(239)
    await courier.round()
    early = list(chat.taken)
    clock.advance(1)
    await courier.round()

    assert (pause, early, chat.taken) == (240.0, [], [incident])


async def test_a_pause_asked_for_outlives_the_process(store: Store, clock: StillClock) -> None:
    """Whoever is the courier next keeps it, for what came meanwhile too."""
    chat = Chat()
    told = [await opened(store, clock, 0)]
    chat.trouble = Transient("Telegram asks for a pause", retry_after=240.0)
    await Courier(store, Scribe(store), chat, clock).round()
    chat.trouble = None
    told.append(await opened(store, clock, 1))
    restarted = Courier(store, Scribe(store), chat, clock)
    await rounds(restarted, clock, for_s=236)
    early = list(chat.taken)
    await rounds(restarted, clock, for_s=5)

    assert (early, chat.taken) == ([], told)


async def test_pauses_and_a_restart_in_an_outage_keep_the_order(
    store: Store, clock: StillClock
) -> None:
    """An hour of both: nobody is passed by as if its own words were to blame."""
    chat = Chat()
    told = [await opened(store, clock, number) for number in range(3)]
    busy = Courier(store, Scribe(store), chat, clock)
    chat.trouble = Transient("Telegram asks for a pause", retry_after=3.0)
    await rounds(busy, clock, for_s=120)
    chat.trouble = Transient("Telegram cannot be reached")
    await rounds(busy, clock, for_s=1200)
    restarted = Courier(store, Scribe(store), chat, clock)
    await rounds(restarted, clock, for_s=2200)
    chat.trouble = None
    await rounds(restarted, clock, for_s=330)

    assert chat.taken == told


async def test_down_and_seen(house: House) -> None:
    """The incident is healed meanwhile; `/ready` and `/metrics` say that nobody hears of it."""
    async with house.at_work() as nightshift:
        down(house.telegram.faults)
        row = await nightshift.end(await house.crash(nightshift))
        await house.telegram.faults.arrived("/bot")
        word = await _noticed(house, nightshift)
        house.telegram.faults.clear()
        await house.chat(lambda words: "Fixed" in words)

    assert row.outcome == "resolved"
    assert word.startswith("Telegram hung up without an answer")
    assert len(house.telegram.chat) == 1


async def _noticed(house: House, nightshift: object) -> str:
    word = ""
    while not word:
        word = await house.degraded(nightshift, "telegram")  # type: ignore[arg-type]  # as given
    return word


async def test_slow_and_counted(store: Store, clock: StillClock) -> None:
    """A send without an answer is sent again; what may stand twice is counted, and only that."""
    chat = Chat()
    heard = HeardNotifier(chat, clock)
    courier = Courier(store, Scribe(store), heard, clock)
    for number in range(3):
        await opened(store, clock, number)
    chat.trouble = Unanswered("Telegram did not answer in time; it may have delivered")
    await courier.round()
    chat.trouble = None
    await rounds(courier, clock, for_s=10)

    assert len(chat.taken) == 3
    assert heard.maybe_doubled == 1


async def test_slow_after_delivery(house: House) -> None:
    """The answer is lost, the message is there: the one way to a duplicate, on the meter."""
    async with house.at_work() as nightshift:
        house.telegram.faults.add(SEND, disconnect="after", times=1)
        await nightshift.end(await house.crash(nightshift))
        await house.chat(lambda words: "Fixed" in words)
        numbers = (await nightshift.http.get("/metrics")).text

    assert house.telegram.sent == 2
    assert 'nightshift_messages_maybe_doubled_total{channel="telegram"} 1.0' in numbers


async def test_slow_never_holds_up_an_incident(house: House) -> None:
    """Nobody waits for a chat."""
    async with house.at_work() as nightshift:
        slow(house.telegram.faults, by_s=3.0)
        row = await nightshift.end(await house.crash(nightshift))
        house.telegram.faults.clear()

    assert row.outcome == "resolved"


@pytest.mark.parametrize(
    "body", [b'{"ok":false}', b"<html>sign in</html>", b'{"ok":true,"result":{"message_id":"x"}}']
)
async def test_lies_with_garbage(house: House, body: bytes) -> None:
    """A portal answers 200 for it: the courier lives on and tells when Telegram is back."""
    async with house.at_work() as nightshift:
        house.telegram.faults.add(SEND, status=200, body=body, times=1)
        await nightshift.end(await house.crash(nightshift))
        told = await house.chat(lambda words: "Fixed" in words)

        assert nightshift.service.readiness()["ready"]
    assert "web" in told


async def test_lies_about_the_message(house: House) -> None:
    """It names a message that is not there: the next edit finds out, and it is told anew."""
    said = b'{"ok":true,"result":{"message_id":99,"date":1,"chat":{"id":42,"type":"private"}}}'
    async with house.at_work() as nightshift:
        lying(house.telegram.faults, SEND, said)
        house.telegram.faults.faults[-1].times = 1
        await nightshift.end(await house.crash(nightshift))
        told = await house.chat(lambda words: "Fixed" in words)

    assert "web" in told
