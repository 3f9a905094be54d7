"""A stand-in for Telegram's Bot API over real HTTP: one chat that keeps what it is sent.

Not here: what a bot says.
"""

import asyncio
import re
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lab.standins.faults import FaultInjector, Faults
from lab.standins.fields import fields
from lab.standins.serving import serving

MAX_TEXT = 4096
TOKEN = "1234:stand-in"  # noqa: S105  # opens nothing but this stand-in
Asked = dict[str, str]


class Refused(Exception):
    """The Bot API says no; the text is its `description`."""


@dataclass
class ChatMessage:
    """One message as the chat shows it; `edits` are its earlier texts, oldest first."""

    number: int
    text: str
    silent: bool
    edits: list[str] = field(default_factory=list)
    buttons: list[str] = field(default_factory=list)


class Telegram:
    """A bot's one chat. `async with Telegram() as telegram:` then `telegram.base_url`.

    `chat` holds the messages that stand now, `sounds` the texts that rang, `sent` the number
    of messages ever sent. `faults` breaks routes; `refuse_for` answers 429 with a pause.
    """

    def __init__(self, token: str = TOKEN, chat_id: str = "42") -> None:
        self.token = token
        self.chat_id = chat_id
        self.faults = Faults()
        self.chat: list[ChatMessage] = []
        self.sounds: list[str] = []
        self.sent = 0
        self.base_url = ""
        self._updates: list[dict[str, Any]] = []
        self._answered: set[str] = set()
        self._news = asyncio.Event()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Serve."""
        path = "/bot{token}/{method}"
        app = Starlette(routes=[Route(path, self._answer, methods=["GET", "POST"])])
        url = await self._stack.enter_async_context(serving(FaultInjector(app, self.faults)))
        self.base_url = f"{url}/bot"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop serving."""
        await self._stack.aclose()

    def refuse_for(self, seconds: int, *, times: int | None = 1) -> None:
        """Answer 429 with this `retry_after`."""
        told = f'"description":"Too Many Requests: retry after {seconds}"'
        body = f'{{"ok":false,"error_code":429,{told},"parameters":{{"retry_after":{seconds}}}}}'
        self.faults.add("/bot", status=429, body=body.encode(), times=times)

    def press(self, data: str, *, person: int) -> None:
        """A person presses an inline button of the newest message."""
        query = {
            "id": str(len(self._updates) + 1),
            "from": {"id": person, "is_bot": False, "first_name": "somebody"},
            "chat_instance": self.chat_id,
            "data": data,
            "message": self._shown(self.chat[-1]),
        }
        self._push({"callback_query": query})

    def write(self, text: str, *, person: int) -> None:
        """A person writes to the bot."""
        shown = self._shown(ChatMessage(10_000 + len(self._updates), text, silent=True))
        shown["from"] = {"id": person, "is_bot": False, "first_name": "somebody"}
        if text.startswith("/"):
            length = len(text.split()[0])
            shown["entities"] = [{"type": "bot_command", "offset": 0, "length": length}]
        self._push({"message": shown})

    @property
    def answered(self) -> set[str]:
        """The callback queries that the bot has answered."""
        return set(self._answered)

    def _push(self, update: dict[str, Any]) -> None:
        self._updates.append({"update_id": len(self._updates) + 1, **update})
        self._news.set()

    async def _answer(self, request: Request) -> Response:
        if request.path_params["token"] != self.token:
            return _error(401, "Unauthorized")
        asked = await fields(request)
        name = request.path_params["method"]
        try:
            if name == "getUpdates":
                return _ok(await self._get_updates(asked))
            method = self._methods.get(name)
            return _error(404, "Not Found") if method is None else _ok(method(asked))
        except Refused as error:
            return _error(400, f"Bad Request: {error}")

    @property
    def _methods(self) -> dict[str, Callable[[Asked], Any]]:
        return {
            "getMe": lambda _: _BOT,
            "sendMessage": self._send,
            "editMessageText": self._edit,
            "deleteMessage": self._delete,
            "answerCallbackQuery": self._answer_query,
            "deleteWebhook": lambda _: True,
        }

    def _send(self, asked: Asked) -> dict[str, Any]:
        self._check_chat(asked)
        text = _checked(asked)
        self.sent += 1
        silent = asked.get("disable_notification", "").lower() == "true"
        message = ChatMessage(self.sent, text, silent, buttons=_buttons(asked))
        self.chat.append(message)
        if not silent:
            self.sounds.append(text)
        return self._shown(message)

    def _edit(self, asked: Asked) -> dict[str, Any]:
        message = self._find(asked, "message to edit not found")
        text, buttons = _checked(asked), _buttons(asked)
        if text == message.text and buttons == message.buttons:
            raise Refused(
                "message is not modified: specified new message content and reply markup are "
                "exactly the same as a current content and reply markup of the message"
            )
        message.edits.append(message.text)
        message.text, message.buttons = text, buttons
        return self._shown(message)

    def _delete(self, asked: Asked) -> bool:
        self.chat.remove(self._find(asked, "message to delete not found"))
        return True

    def _answer_query(self, asked: Asked) -> bool:
        self._answered.add(asked["callback_query_id"])
        return True

    async def _get_updates(self, asked: Asked) -> list[dict[str, Any]]:
        offset, wait_s = int(asked.get("offset", 0)), float(asked.get("timeout", 0))
        found = [one for one in self._updates if one["update_id"] >= offset]
        if not found and wait_s:
            self._news.clear()
            waiting = asyncio.wait_for(self._news.wait(), wait_s)
            await asyncio.gather(waiting, return_exceptions=True)
            found = [one for one in self._updates if one["update_id"] >= offset]
        return found

    def _check_chat(self, asked: Asked) -> None:
        if asked.get("chat_id") != self.chat_id:
            raise Refused("chat not found")

    def _find(self, asked: Asked, otherwise: str) -> ChatMessage:
        self._check_chat(asked)
        for message in self.chat:
            if str(message.number) == asked.get("message_id"):
                return message
        raise Refused(otherwise)

    def _shown(self, message: ChatMessage) -> dict[str, Any]:
        chat = {"id": int(self.chat_id), "type": "private"}
        text = re.sub(r"<[^>]+>", "", message.text)
        return {"message_id": message.number, "date": 1, "chat": chat, "text": text}


_BOT = {"id": 1234, "is_bot": True, "first_name": "Night", "username": "night_bot"}


class _Entities(HTMLParser):
    """Telegram's own strictness: known tags only, all closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"b", "i", "u", "s", "code", "pre", "a", "blockquote"}:
            raise Refused(f'can\'t parse entities: Unsupported start tag "{tag}"')
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise Refused(f'can\'t parse entities: Unexpected end tag "{tag}"')

    def handle_data(self, data: str) -> None:
        self.text += data


def _checked(asked: Asked) -> str:
    """The text, if Telegram would take it. Raises Refused."""
    text = asked.get("text", "")
    visible = text
    if asked.get("parse_mode", "").upper() == "HTML":
        parser = _Entities()
        parser.feed(text)
        parser.close()
        if parser.open:
            raise Refused(f"can't parse entities: Can't find end tag for \"{parser.open[-1]}\"")
        visible = parser.text
    if not visible.strip():
        raise Refused("message text is empty")
    if len(visible.encode("utf-16-le")) // 2 > MAX_TEXT:
        raise Refused("message is too long")
    return text


def _buttons(asked: Asked) -> list[str]:
    return re.findall(r'"callback_data":\s*"([^"]*)"', asked.get("reply_markup", ""))


def _ok(result: Any) -> Response:
    return JSONResponse({"ok": True, "result": result})


def _error(code: int, text: str) -> Response:
    return JSONResponse({"ok": False, "error_code": code, "description": text}, code)
