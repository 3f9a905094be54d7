import asyncio
from typing import cast

import pytest

from domain.errors import NotFound, Transient, Unreadable
from domain.incident import Incident
from domain.store import Draft, Reading, TimelineEvent
from nightshift import scribe as module
from nightshift.scribe import Scribe
from nightshift.testing import T0, firing


class Books:
    """Counts how often a story is read; `errors` are raised first."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.read = list(errors), 0

    async def story(self, incident: str) -> tuple[Incident, list[TimelineEvent]]:
        """Nothing has happened yet."""
        self.read += 1
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        return Incident(id=incident, alert=firing(), occurrence=1, status="open", opened_at=T0), []


def draft(channel: str, *, version: int = 1, loud: bool = False) -> Draft:
    """What that channel is behind with."""
    return Draft(
        incident="a", channel=channel, version=version, loud=loud, external_id=None, tries=0
    )


def scribe(books: Books) -> Scribe:
    """The writer under test."""
    return Scribe(cast(Reading, books))


async def test_channels_that_are_behind_alike_get_one_writing() -> None:
    """Read and rendered once; another version, or a loud one, is another."""
    books = Books()
    writer = scribe(books)
    same = await asyncio.gather(*(writer.message(draft(one)) for one in ("console", "telegram")))

    assert same[0] is same[1]
    assert books.read == 1
    await writer.message(draft("console", version=2))
    loud = await writer.message(draft("console", version=2, loud=True))
    assert (books.read, loud.loud) == (3, True)


async def test_it_is_written_anew_a_moment_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel that rested tells what is so then, though nothing else was to be told."""
    monkeypatch.setattr(module, "SHARED_S", 0.0)
    books = Books()
    writer = scribe(books)
    for _ in range(2):
        await writer.message(draft("telegram"))

    assert books.read == 2


async def test_what_failed_is_not_kept() -> None:
    """The store was away for a moment: the next attempt reads it."""
    books = Books(Transient("away"), NotFound("no such incident"))
    writer = scribe(books)
    with pytest.raises(Transient):
        await writer.message(draft("telegram"))
    with pytest.raises(NotFound):
        await writer.message(draft("telegram"))

    assert (await writer.message(draft("telegram"))).incident == "a"


async def test_one_who_gives_up_takes_nothing_from_the_other() -> None:
    """A channel that is cancelled leaves the writing to go on."""
    writer = scribe(Books())
    first, second = (asyncio.create_task(writer.message(draft(one))) for one in ("a", "b"))
    await asyncio.sleep(0)
    first.cancel()

    assert (await second).incident == "a"


async def test_a_row_that_cannot_be_read_is_told_as_such() -> None:
    """People hear that it cannot be read, and why."""
    message = await scribe(Books(Unreadable("torn"))).message(draft("telegram", loud=True))

    assert "torn" in message.text
    assert message.loud
