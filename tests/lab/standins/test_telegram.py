"""The stand-in's Bot API: as strict as Telegram's where bots trip over it."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from lab.standins.telegram import Telegram


@pytest.fixture
async def telegram() -> AsyncIterator[Telegram]:
    """An empty chat."""
    async with Telegram() as standin:
        yield standin


async def call(telegram: Telegram, method: str, **fields: Any) -> tuple[int, Any]:
    """Status and result or description."""
    async with httpx.AsyncClient(timeout=10) as client:
        answer = await client.post(f"{telegram.base_url}{telegram.token}/{method}", data=fields)
    body = answer.json()
    return answer.status_code, body["result"] if body["ok"] else body["description"]


async def test_it_knows_its_bot(telegram: Telegram) -> None:
    """And nobody else's token."""
    assert (await call(telegram, "getMe"))[0] == 200
    telegram.token, known = "other", telegram.token
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{telegram.base_url}{known}/getMe")

    assert answer.status_code == 401


async def test_a_message_is_kept_with_its_edits(telegram: Telegram) -> None:
    """Sent, edited, deleted."""
    _, sent = await call(telegram, "sendMessage", chat_id="42", text="one")
    number = sent["message_id"]
    await call(telegram, "editMessageText", chat_id="42", message_id=number, text="two")

    (message,) = telegram.chat
    assert (message.text, message.edits, telegram.sounds) == ("two", ["one"], ["one"])
    assert await call(telegram, "deleteMessage", chat_id="42", message_id=number) == (200, True)
    assert telegram.chat == []


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"chat_id": "1", "text": "x"}, "chat not found"),
        ({"chat_id": "42", "text": " "}, "message text is empty"),
        ({"chat_id": "42", "text": "x" * 4097}, "message is too long"),
        ({"chat_id": "42", "text": "<b>x", "parse_mode": "HTML"}, "find end tag"),
        ({"chat_id": "42", "text": "x</b>", "parse_mode": "HTML"}, "Unexpected end tag"),
        ({"chat_id": "42", "text": "<br>", "parse_mode": "HTML"}, "Unsupported start tag"),
    ],
)
async def test_what_telegram_refuses_is_refused(
    telegram: Telegram, fields: dict[str, str], error: str
) -> None:
    """400 with Telegram's words; nothing is shown."""
    status, told = await call(telegram, "sendMessage", **fields)

    assert status == 400
    assert error in told
    assert telegram.chat == []


async def test_an_edit_that_changes_nothing_is_refused(telegram: Telegram) -> None:
    """As is one of a message that is not there, and a method that does not exist."""
    _, sent = await call(telegram, "sendMessage", chat_id="42", text="x")
    same = await call(
        telegram, "editMessageText", chat_id="42", message_id=sent["message_id"], text="x"
    )
    gone = await call(telegram, "editMessageText", chat_id="42", message_id=99, text="y")

    assert "message is not modified" in same[1]
    assert gone == (400, "Bad Request: message to edit not found")
    assert (await call(telegram, "sendPigeon"))[0] == 404


async def test_it_can_ask_for_a_pause(telegram: Telegram) -> None:
    """429 once, with the seconds where Telegram puts them."""
    telegram.refuse_for(7)

    assert (await call(telegram, "sendMessage", chat_id="42", text="x"))[0] == 429
    assert (await call(telegram, "sendMessage", chat_id="42", text="x"))[0] == 200


async def test_people_press_and_write(telegram: Telegram) -> None:
    """Updates come to whoever polls, once confirmed no more."""
    markup = json.dumps({"inline_keyboard": [[{"text": "Yes", "callback_data": "yes:1"}]]})
    polling = asyncio.create_task(call(telegram, "getUpdates", timeout=5))
    await call(telegram, "sendMessage", chat_id="42", text="?", reply_markup=markup)
    telegram.press("yes:1", person=7)
    (_, (update,)) = await polling
    telegram.write("/status now", person=7)
    _, later = await call(telegram, "getUpdates", offset=update["update_id"] + 1)

    assert telegram.chat[0].buttons == ["yes:1"]
    assert update["callback_query"]["from"]["id"] == 7
    assert later[0]["message"]["entities"][0] == {"type": "bot_command", "offset": 0, "length": 7}


async def test_answered_presses_are_noted(telegram: Telegram) -> None:
    """A bot that does not answer leaves a spinning button."""
    await call(telegram, "answerCallbackQuery", callback_query_id="5")

    assert telegram.answered == {"5"}


async def test_polling_ends_when_its_time_is_over(telegram: Telegram) -> None:
    """With nothing."""
    assert await call(telegram, "getUpdates", timeout=0.05) == (200, [])
