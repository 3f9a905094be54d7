"""The port `Notifier`: one suite for Telegram (by its stand-in) and for the console."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Protocol

import pytest

from domain.notice import Message, Notifier
from lab.standins.telegram import Telegram
from tools.console import ConsoleNotifier
from tools.telegram import TelegramNotifier


class Ground(Protocol):
    """A channel and what people see and hear of it."""

    notifier: Notifier

    def standing(self) -> list[str]:
        """The messages that stand now, oldest first."""

    def rang(self) -> list[str]:
        """The texts that made a sound."""


@dataclass
class TelegramGround:
    """The stand-in's chat."""

    telegram: Telegram
    notifier: Notifier

    def standing(self) -> list[str]:
        """What the chat shows."""
        return [re.sub("<[^>]+>", "", message.text) for message in self.telegram.chat]

    def rang(self) -> list[str]:
        """What was sent with a sound."""
        return [re.sub("<[^>]+>", "", text) for text in self.telegram.sounds]


@dataclass
class ConsoleGround:
    """A logger made of lists; the newest line of an incident is the one that stands."""

    lines: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """The notifier writes here."""
        self.notifier: Notifier = ConsoleNotifier(self)  # type: ignore[arg-type]  # the two methods it uses

    def info(self, text: str, *, incident: str) -> None:
        """A quiet line."""
        self.lines.append(("info", incident, text))

    def warning(self, text: str, *, incident: str) -> None:
        """A loud line."""
        self.lines.append(("warning", incident, text))

    def standing(self) -> list[str]:
        """The newest line of each incident."""
        return list({incident: text for _, incident, text in self.lines}.values())

    def rang(self) -> list[str]:
        """The warnings."""
        return [text for level, _, text in self.lines if level == "warning"]


@pytest.fixture(params=["telegram", "console"])
async def ground(request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    """The suite's ground."""
    if request.param == "console":
        yield ConsoleGround()
        return
    async with Telegram() as telegram:
        channel = TelegramNotifier(telegram.token, telegram.chat_id, telegram.base_url)
        async with channel as notifier:
            yield TelegramGround(telegram, notifier)


def message(text: str, *, loud: bool = False, incident: str = "i1") -> Message:
    """A short message."""
    return Message(incident=incident, html=f"<b>{text}</b>", text=text, loud=loud)


async def test_it_is_the_port(ground: Ground) -> None:
    """Every channel has a name and delivers."""
    assert isinstance(ground.notifier, Notifier)
    assert ground.notifier.name in {"telegram", "console"}


async def test_the_first_message_is_sent_quietly(ground: Ground) -> None:
    """News that can wait until morning makes no sound."""
    number = await ground.notifier.deliver(message("on it"), None)

    assert number
    assert ground.standing() == ["on it"]
    assert ground.rang() == []


async def test_news_replaces_what_stood(ground: Ground) -> None:
    """One message an incident: the second is an edit of the first, under the same id."""
    first = await ground.notifier.deliver(message("on it"), None)
    second = await ground.notifier.deliver(message("fixed"), first)

    assert ground.standing() == ["fixed"]
    assert second == first


async def test_a_loud_message_rings_and_still_stands_alone(ground: Ground) -> None:
    """An edit makes no sound, so a loud message is sent anew and the old one goes."""
    first = await ground.notifier.deliver(message("on it"), None)
    second = await ground.notifier.deliver(message("needs you", loud=True), first)
    await ground.notifier.deliver(message("fixed after all"), second)

    assert ground.standing() == ["fixed after all"]
    assert ground.rang() == ["needs you"]


async def test_the_same_again_is_no_error(ground: Ground) -> None:
    """A message delivered twice, as after a crash, is delivered."""
    first = await ground.notifier.deliver(message("on it"), None)

    assert await ground.notifier.deliver(message("on it"), first) == first
    assert ground.standing() == ["on it"]


async def test_incidents_do_not_share_a_message(ground: Ground) -> None:
    """Each incident has its own."""
    await ground.notifier.deliver(message("one", incident="i1"), None)
    await ground.notifier.deliver(message("two", incident="i2"), None)

    assert ground.standing() == ["one", "two"]
