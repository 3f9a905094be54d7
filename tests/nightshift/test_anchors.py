"""nightshift/anchors.py."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from domain.errors import Transient
from domain.notice import Message
from memory.store import Store, open_store
from nightshift.anchors import FILE, Anchor, Keeper, read_anchors, write_anchor
from nightshift.testing import T0, StillClock

DAY_S = 24 * 3600.0


class Chat:
    """A channel that keeps what it is sent."""

    name = "chat"

    def __init__(self) -> None:
        self.heard: list[Message] = []
        self.trouble: Transient | None = None

    async def deliver(self, message: Message, previous: str | None) -> str:
        """Keep it."""
        if self.trouble:
            raise self.trouble
        self.heard.append(message)
        return "1"


class LongMinute(StillClock):
    """Between two looks, for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Never end."""
        self.begun.set()
        await asyncio.Event().wait()


@pytest.fixture
def clock() -> StillClock:
    """Night."""
    return StillClock()


@pytest.fixture
async def store(tmp_path: Path, clock: StillClock) -> AsyncIterator[Store]:
    """With one line in its journal."""
    async with open_store(tmp_path, clock=clock) as opened:
        await opened.pause("rack", by="ann")
        yield opened


async def test_the_head_is_noted_in_file_and_log(
    store: Store, clock: StillClock, tmp_path: Path
) -> None:
    """Once for each time it moved, readable by its owner alone."""
    keeper = Keeper(store, tmp_path, [], clock)
    with capture_logs() as logs:
        await keeper.look([])
        await keeper.look([])
    sealed = await store.sealed()

    assert read_anchors(tmp_path) == [Anchor(at=T0, lines=1, head=sealed.head)]
    assert [(one["event"], one["head"]) for one in logs] == [("audit_head", sealed.head)]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


async def test_a_restart_notes_nothing_new(store: Store, clock: StillClock, tmp_path: Path) -> None:
    """What the file has already is not written again, nor told again."""
    chat = Chat()
    for _ in range(4):
        await Keeper(store, tmp_path, [chat], clock).look([chat])
        clock.advance(DAY_S / 2)

    assert [one.where for one in read_anchors(tmp_path)] == ["file", "chat"]
    assert len(chat.heard) == 1


async def test_people_hear_of_it_once_a_day_and_quietly(
    store: Store, clock: StillClock, tmp_path: Path
) -> None:
    """From the day after the first line on; a day without news has no message."""
    chat = Chat()
    keeper = Keeper(store, tmp_path, [chat], clock)
    heard = []
    for news in (False, True, False, True, True):
        if news:
            await store.pause("rack", by="ann")
        await keeper.look([chat])
        await keeper.look([chat])
        heard.append(len(chat.heard))
        clock.advance(DAY_S)
    head = (await store.sealed()).head

    assert heard == [0, 1, 1, 2, 3]
    assert f"nightshift audit verify --head {head}" in chat.heard[-1].text
    assert not any(one.loud for one in chat.heard)


@pytest.mark.parametrize(("asked_s", "later_s"), [(None, 3600.0), (60.0, 3600.0), (7200.0, 7200.0)])
async def test_a_channel_that_is_down_is_told_later(
    store: Store, clock: StillClock, tmp_path: Path, asked_s: float | None, later_s: float
) -> None:
    """The head is noted all the same, another channel hears of it, and no pause is cut short."""
    chat, other = Chat(), Chat()
    chat.trouble, other.name = Transient("no answer", retry_after=asked_s), "other"
    keeper = Keeper(store, tmp_path, [chat, other], clock)
    await keeper.look([])
    clock.advance(DAY_S)
    await keeper.look([chat, other])
    chat.trouble = None
    clock.advance(later_s - 1)
    await keeper.look([chat, other])
    early = len(chat.heard)
    clock.advance(1)
    await keeper.look([chat, other])

    assert [one.where for one in read_anchors(tmp_path)] == ["file", "other", "chat"]
    assert (early, len(chat.heard), len(other.heard)) == (0, 1, 1)


async def test_a_pause_that_the_channel_asked_for_is_kept(
    store: Store, clock: StillClock, tmp_path: Path
) -> None:
    """Whichever message it was asked at."""
    chat = Chat()
    keeper = Keeper(store, tmp_path, [chat], clock)
    await keeper.look([])
    clock.advance(DAY_S)
    await store.rest("chat", until=clock.now() + timedelta(seconds=90))
    await keeper.look([chat])
    early = len(chat.heard)
    clock.advance(90)
    await keeper.look([chat])

    assert (early, len(chat.heard)) == (0, 1)


async def test_the_head_is_noted_when_the_service_ends(store: Store, tmp_path: Path) -> None:
    """What was written since the last look is not left without an anchor."""
    clock = LongMinute()
    task = asyncio.create_task(Keeper(store, tmp_path, [], clock).run())
    await clock.begun.wait()
    await store.resume(by="ann")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert read_anchors(tmp_path)[-1].head == (await store.sealed()).head


def test_a_line_cut_short_by_a_crash_is_left_out(tmp_path: Path) -> None:
    """What was noted before it still counts."""
    anchor = Anchor(at=T0, lines=3, head="c0ffee")
    write_anchor(tmp_path, anchor)
    with (tmp_path / FILE).open("a") as file:
        file.write("2026-11-2 x y z\n\x002026-11-2")

    assert read_anchors(tmp_path) == [anchor]
