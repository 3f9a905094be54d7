"""Telegram, by python-telegram-bot: one message an incident. Not here: wording, or commands."""

import html
import logging
import re
import warnings
from collections.abc import Awaitable
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from domain.errors import NotFound, Permanent, Transient, Unanswered
from domain.notice import Message

if TYPE_CHECKING:
    from telegram import Bot

MAX_TEXT = 4096
"""Characters of a message after its entities are parsed. Source: Bot API, sendMessage."""
_API = "https://api.telegram.org/bot"
_TIMEOUT_S = 10.0
_CUT = "…"
_TAG = re.compile(r"<(/?)(b|i|code)>")
_Result = TypeVar("_Result")


class TelegramNotifier:
    """The `Notifier` of one chat; `async with` opens and closes its connection.

    `base_url` is without the token; when empty, Telegram's own. The token is in
    every URL, so errors are told in our own words and the HTTP client's log is kept silent.
    """

    name = "telegram"

    def __init__(
        self, token: str, chat_id: str, base_url: str = "", *, timeout_s: float = _TIMEOUT_S
    ) -> None:
        self._token = token
        self._chat_id = chat_id
        self._base_url = base_url or _API
        self._timeout_s = timeout_s
        self._bot: Bot | None = None

    async def __aenter__(self) -> Self:
        """Open. Telegram need not be reachable now."""
        # Imported when used: the library costs 25 MB that a chat-less installation saves.
        from telegram import Bot
        from telegram.request import HTTPXRequest
        from telegram.warnings import PTBDeprecationWarning

        # The library warns at each 429, about its own reading of a field of its own.
        warnings.filterwarnings("ignore", ".*retry_after.*", PTBDeprecationWarning)
        for logger in ("httpx", "httpcore", "telegram"):
            logging.getLogger(logger).setLevel(logging.CRITICAL)
        request = HTTPXRequest(
            connection_pool_size=4,
            connect_timeout=self._timeout_s,
            read_timeout=self._timeout_s,
            write_timeout=self._timeout_s,
            pool_timeout=self._timeout_s,
        )
        # One connection for both kinds of request; the second would hold a TLS context for nothing.
        self._bot = Bot(
            self._token, base_url=self._base_url, request=request, get_updates_request=request
        )
        await request.initialize()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        if self._bot is not None:
            await self._bot.request.shutdown()
        self._bot = None

    async def deliver(self, message: Message, previous: str | None) -> str:
        """Send, edit, or replace; returns the message id. Raises Transient, Permanent.

        Unanswered after a time-out or a broken connection of a send: Telegram may have delivered
        all the same, so a retry can show it twice. It tells no way to find out.
        """
        if previous is None:
            return await self._send(message)
        if message.loud:
            return await self._replace(message, previous)
        try:
            await self._edit(message, previous)
        except NotFound:
            return await self._send(message)
        return previous

    async def _send(self, message: Message) -> str:
        sent = await _told(
            self._open.send_message(
                self._chat_id,
                shortened(message.html),
                parse_mode="HTML",
                disable_notification=not message.loud,
                disable_web_page_preview=True,
            )
        )
        if not isinstance(getattr(sent, "message_id", None), int):
            raise Unanswered("Telegram names no message; it may have delivered")
        return str(sent.message_id)

    async def _edit(self, message: Message, previous: str) -> None:
        edit = self._open.edit_message_text(
            shortened(message.html),
            self._chat_id,
            int(previous),
            parse_mode="HTML",
            disable_web_page_preview=True,
        )
        try:
            await _told(edit)
        except Unanswered as error:  # an edit twice is an edit once
            raise Transient(str(error)) from None
        except Permanent as error:
            if "not modified" not in str(error):
                raise

    async def _replace(self, message: Message, previous: str) -> str:
        """Send first: for a moment two messages stand, but never none."""
        sent = await self._send(message)
        try:
            await _told(self._open.delete_message(self._chat_id, int(previous)))
        except (Transient, Permanent):
            # The new message is out; failing here would send it again. The old one stays
            # (Telegram refuses deletion after 48 hours, for one).
            logging.getLogger(__name__).warning("an outdated message could not be deleted")
        return sent

    @property
    def _open(self) -> "Bot":
        if self._bot is None:
            raise Permanent("the Telegram channel is not open: use `async with`")
        return self._bot


async def _told(call: Awaitable[_Result]) -> _Result:
    """Await a call of the Bot API; the library takes whatever answers 200 for an answer."""
    from telegram.error import TelegramError

    from tools.telegram_errors import STRANGE, explained

    try:
        return await call
    except TelegramError as error:
        raise explained(error) from None
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Unanswered(STRANGE) from None


def shortened(markup: str, limit: int = MAX_TEXT) -> str:
    """At most `limit` visible characters, all tags closed, no entity cut in two.

    Counts UTF-16 units, as Telegram does. The markup is cut as text and escaped afterwards.
    """
    parts = _TAG.split(markup)
    room, opened, kept = limit - len(_CUT), list[str](), list[str]()
    if _units("".join(html.unescape(part) for part in parts[::3])) <= limit:
        return markup
    for at, text in enumerate(parts[::3]):
        plain = _fit(html.unescape(text), room)
        kept.append(html.escape(plain))
        room -= _units(plain)
        if room <= 0 or 3 * at + 2 >= len(parts):
            break
        closing, tag = parts[3 * at + 1], parts[3 * at + 2]
        kept.append(f"<{closing}{tag}>")
        opened = opened[:-1] if closing else [*opened, tag]
    return "".join([*kept, _CUT, *(f"</{tag}>" for tag in reversed(opened))])


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _fit(text: str, room: int) -> str:
    return text.encode("utf-16-le")[: 2 * max(room, 0)].decode("utf-16-le", "ignore")
