"""What a demo plays on: a small shop, its monitoring and the server. Not here: the script.

`shop-web` needs `shop-db`. The database has no health check, so when it hangs only the web
shop turns ill: the obvious remedy is the wrong one.
"""

import asyncio
import html
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from domain.errors import Transient

if TYPE_CHECKING:
    from lab.standins.telegram import Telegram

WEB, DB = "shop-web", "shop-db"
SCOPE = ("nightshift.enable", "true")
PACE = {
    "NIGHTSHIFT_STABLE_FOR_S": "1",
    "NIGHTSHIFT_VERIFY_FOR_S": "5",
    "NIGHTSHIFT_CHECK_EVERY_S": "0",
    "NIGHTSHIFT_LOG_JSON": "true",
}
"""The shop heals and fails within a second; a real one is given half a minute."""
POLL_S = 0.1


@dataclass(frozen=True, kw_only=True)
class Message:
    """What a person sees on the phone now; `edits` is how often it was brought up to date."""

    text: str
    edits: int
    rang: bool


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A running shop under watch.

    `url` and `token` are the server's; `addresses` are worth a look in a browser. `well` looks
    at the shop itself, past everything that Nightshift says; `calm` is true while no alert
    fires.
    """

    title: str
    url: str
    token: str
    addresses: dict[str, str]
    hang: Callable[[str], Awaitable[None]]
    well: Callable[[str], Awaitable[bool]]
    calm: Callable[[], Awaitable[bool]]
    messages: Callable[[], list[Message]]


def telegram_settings(telegram: "Telegram") -> dict[str, str]:
    """What the server needs to write to this stand-in."""
    return {
        "TELEGRAM_BOT_TOKEN": telegram.token,
        "TELEGRAM_CHAT_ID": telegram.chat_id,
        "TELEGRAM_BASE_URL": telegram.base_url,
    }


def messages_of(telegram: "Telegram") -> list[Message]:
    """The chat as a phone shows it."""
    return [
        Message(text=_shown(one.text), edits=len(one.edits), rang=not one.silent)
        for one in telegram.chat
    ]


async def wait_until(
    true: Callable[[], Awaitable[bool]], complaint: str, *, seconds: float
) -> None:
    """Poll until it is true. Raises Transient when it does not become so in time."""
    try:
        async with asyncio.timeout(seconds):
            while not await true():  # noqa: ASYNC110  # another process: nothing to be woken by
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise Transient(f"{complaint} within {seconds:g} s") from None


def _shown(text: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", text))


def calm_by(alertmanager: str) -> Callable[[], Awaitable[bool]]:
    """Asks this Alertmanager whether no alert fires."""

    async def calm() -> bool:
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
            answer = await http.get(f"{alertmanager}/api/v2/alerts", params={"active": "true"})
            return not answer.raise_for_status().json()

    return calm
