"""Whether a message may have been delivered, by what the library raises."""

import httpx
import pytest
from telegram.error import (
    BadRequest,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from domain.errors import NotFound, Permanent, Transient, Unanswered
from tools.telegram_errors import explained


def caused(error: TelegramError, by: Exception) -> TelegramError:
    """The library's error, raised from its HTTP client's."""
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (caused(TimedOut(), httpx.ReadTimeout("")), Unanswered),
        (caused(TimedOut(), httpx.ConnectTimeout("")), Transient),
        (caused(TimedOut(), httpx.PoolTimeout("")), Transient),
        (caused(NetworkError("x"), httpx.ReadError("")), Unanswered),
        (caused(NetworkError("x"), httpx.RemoteProtocolError("")), Unanswered),
        (caused(NetworkError("x"), httpx.ConnectError("")), Transient),
        (NetworkError("Bad Gateway"), Transient),
        (TelegramError("Invalid server response"), Unanswered),
        (InvalidToken(), Permanent),
        (BadRequest("Chat not found"), Permanent),
        (BadRequest("Message to edit not found"), NotFound),
    ],
)
def test_what_was_never_sent_cannot_stand_twice(
    raised: TelegramError, kind: type[Exception]
) -> None:
    """Only silence after a send leaves it open."""
    assert type(explained(raised)) is kind


@pytest.mark.filterwarnings("ignore:.*retry_after")
def test_a_pause_is_told_in_seconds() -> None:
    """Telegram's own number."""
    told = explained(RetryAfter(17))

    assert isinstance(told, Transient)
    assert told.retry_after == 17.0
