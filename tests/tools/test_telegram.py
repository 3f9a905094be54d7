"""Telegram's own traps: limits, errors, time-outs, and a token that must not be seen."""

import html
import logging
import re
from collections.abc import AsyncIterator

import pytest

from domain.errors import Permanent, Transient, Unanswered
from domain.notice import Message
from lab.standins.telegram import Telegram
from tools.telegram import MAX_TEXT, TelegramNotifier, shortened

TOKEN = "9876543210:SECRETSECRETSECRETSECRETSECRETSECRE"
NEWS = Message(incident="i1", html="<b>news</b>", text="news", loud=False)


@pytest.fixture
async def telegram() -> AsyncIterator[Telegram]:
    """A chat."""
    async with Telegram(token=TOKEN) as standin:
        yield standin


@pytest.fixture
async def notifier(telegram: Telegram) -> AsyncIterator[TelegramNotifier]:
    """The adapter, quick to give up."""
    async with TelegramNotifier(
        TOKEN, telegram.chat_id, telegram.base_url, timeout_s=0.5
    ) as opened:
        yield opened


async def test_a_pause_it_asks_for_is_handed_on(
    telegram: Telegram, notifier: TelegramNotifier
) -> None:
    """429 is transient, with Telegram's own number of seconds."""
    telegram.refuse_for(17)

    with pytest.raises(Transient) as caught:
        await notifier.deliver(NEWS, None)

    assert caught.value.retry_after == 17.0


async def test_a_bad_request_is_permanent(telegram: Telegram) -> None:
    """BadRequest is a NetworkError in the library; here it is a no."""
    async with TelegramNotifier(TOKEN, "999", telegram.base_url) as stranger:
        with pytest.raises(Permanent, match="hat not found"):
            await stranger.deliver(NEWS, None)


async def test_a_wrong_token_is_permanent_and_not_told(telegram: Telegram) -> None:
    """The error says what is wrong without saying the token."""
    async with TelegramNotifier("1:other", telegram.chat_id, telegram.base_url) as stranger:
        with pytest.raises(Permanent) as caught:
            await stranger.deliver(NEWS, None)

    assert str(caught.value) == "Telegram refused: InvalidToken"


@pytest.mark.parametrize("fault", [{"status": 502}, {"disconnect": "before"}, {"delay_s": 3}])
async def test_trouble_on_the_way_is_transient(
    telegram: Telegram, notifier: TelegramNotifier, fault: dict[str, int]
) -> None:
    """5xx, a broken connection and silence are worth another try."""
    telegram.faults.add("/sendMessage", **fault, times=1)  # type: ignore[arg-type]  # one keyword each

    with pytest.raises(Transient):
        await notifier.deliver(NEWS, None)

    assert await notifier.deliver(NEWS, None)


async def test_a_time_out_after_delivery_is_told_as_such(
    telegram: Telegram, notifier: TelegramNotifier
) -> None:
    """The message is in the chat although the answer never came: the error warns of it."""
    telegram.faults.add("/sendMessage", disconnect="after", times=1)

    with pytest.raises(Unanswered):
        await notifier.deliver(NEWS, None)

    assert telegram.sent == 1


async def test_a_chat_out_of_reach_is_known_to_have_nothing() -> None:
    """Nobody listens: what is sent later cannot be the second."""
    async with TelegramNotifier(TOKEN, "42", "http://127.0.0.1:9/bot", timeout_s=0.5) as lonely:
        with pytest.raises(Transient) as caught:
            await lonely.deliver(NEWS, None)

    assert not isinstance(caught.value, Unanswered)


@pytest.mark.parametrize(
    "body", [b'{"ok":false}', b'{"ok":true,"result":{}}', b"<html>sign in</html>", b"[]", b"7"]
)
async def test_what_is_not_telegram_is_no_crash(
    telegram: Telegram, notifier: TelegramNotifier, body: bytes
) -> None:
    """A 200 from something else, such as a portal: tried again, and counted as doubtful."""
    telegram.faults.add("/sendMessage", status=200, body=body, times=1)

    with pytest.raises(Unanswered):
        await notifier.deliver(NEWS, None)

    assert await notifier.deliver(NEWS, None)


async def test_an_edit_without_an_answer_doubles_nothing(
    telegram: Telegram, notifier: TelegramNotifier
) -> None:
    """The same edit again is no news."""
    first = await notifier.deliver(NEWS, None)
    telegram.faults.add("/editMessageText", disconnect="after", times=1)

    with pytest.raises(Transient) as caught:
        await notifier.deliver(NEWS.model_copy(update={"html": "more"}), first)

    assert not isinstance(caught.value, Unanswered)


async def test_an_edit_of_a_deleted_message_sends_anew(
    telegram: Telegram, notifier: TelegramNotifier
) -> None:
    """Somebody who tidies the chat does not silence the incident."""
    first = await notifier.deliver(NEWS, None)
    telegram.chat.clear()

    second = await notifier.deliver(NEWS, first)

    assert second != first
    assert [one.text for one in telegram.chat] == ["<b>news</b>"]


async def test_an_old_message_that_cannot_go_does_not_repeat_the_new_one(
    telegram: Telegram, notifier: TelegramNotifier
) -> None:
    """The loud message is out: failing to delete the old one must not send it again."""
    first = await notifier.deliver(NEWS, None)
    telegram.faults.add("/deleteMessage", status=502)

    await notifier.deliver(NEWS.model_copy(update={"loud": True}), first)

    assert len(telegram.chat) == 2


async def test_the_token_is_in_no_log_and_no_error(
    telegram: Telegram, notifier: TelegramNotifier, caplog: pytest.LogCaptureFixture
) -> None:
    """The HTTP client logs URLs, and the token is in every one of them."""
    caplog.set_level(logging.DEBUG)
    telegram.faults.add("/sendMessage", disconnect="before", times=1)

    with pytest.raises(Transient) as caught:
        await notifier.deliver(NEWS, None)
    await notifier.deliver(NEWS, None)

    ours = [one.getMessage() for one in caplog.records if not one.name.startswith("uvicorn")]
    assert "SECRET" not in repr([ours, caught.value, caught.value.__cause__])


async def test_a_message_that_is_too_long_is_shortened_and_taken(
    telegram: Telegram, notifier: TelegramNotifier
) -> None:
    """Telegram takes the longest message we can build, markup and all."""
    text = html.escape("<&>" * 3000)
    long = NEWS.model_copy(update={"html": f"<b>{text}</b> and <i>{text}</i>"})

    await notifier.deliver(long, None)

    assert len(html.unescape(re.sub("<[^>]+>", "", telegram.chat[0].text))) == MAX_TEXT


@pytest.mark.parametrize(
    ("markup", "short"),
    [
        ("<b>abc</b>", "<b>abc</b>"),
        ("<b>abcdefgh</b>", "<b>abcd…</b>"),
        ("ab<i>cd</i>efgh", "ab<i>cd…</i>"),
        ("&lt;&amp;&gt;&lt;&lt;", "&lt;&amp;&gt;&lt;&lt;"),
        ("&lt;&amp;&gt;&lt;&lt;&lt;", "&lt;&amp;&gt;&lt;…"),
        ("<b><i>abcdef</i></b>", "<b><i>abcd…</i></b>"),
        ("😀😀😀", "😀😀…"),
    ],
)
def test_shortening_cuts_text_and_never_markup(markup: str, short: str) -> None:
    """Entities are whole, tags are closed, and length is counted as Telegram counts it."""
    assert shortened(markup, 5) == short


async def test_a_closed_channel_says_so() -> None:
    """Delivering outside the block is a mistake of ours, named."""
    with pytest.raises(Permanent, match="not open"):
        await TelegramNotifier(TOKEN, "42").deliver(NEWS, None)
