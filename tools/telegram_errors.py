"""What python-telegram-bot raises, told apart. Not here: what to do about it.

Its own texts hold the URL, and with it the token: they are never repeated.
"""

from datetime import timedelta

import httpx
from telegram.error import BadRequest, NetworkError, RetryAfter, TelegramError, TimedOut

from domain.errors import NotFound, Permanent, Transient, Unanswered

STRANGE = "what answered is not Telegram's API; it may have delivered"
_GONE = ("message to edit not found", "message can't be edited", "message_id_invalid")
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


def explained(error: TelegramError) -> Transient | Permanent:
    """The error to raise. BadRequest *is* a NetworkError, as is TimedOut, so order matters."""
    if isinstance(error, RetryAfter):
        return Transient("Telegram asks for a pause", retry_after=_seconds(error))
    if isinstance(error, BadRequest):
        return _refused(error.message)
    if isinstance(error, NetworkError):
        return _cut_off(error)
    if type(error) is TelegramError:  # a 200 that is not JSON
        return Unanswered(STRANGE)
    # bad token, blocked by the user, chat migrated
    return Permanent(f"Telegram refused: {type(error).__name__}")


def _cut_off(error: NetworkError) -> Transient:
    """Whether it may have delivered depends on whether anything was sent, and nothing said."""
    if isinstance(error.__cause__, _NEVER_SENT):
        return Transient("Telegram cannot be reached")
    if isinstance(error, TimedOut):
        return Unanswered("Telegram did not answer in time; it may have delivered")
    if isinstance(error.__cause__, httpx.HTTPError):
        return Unanswered("Telegram hung up without an answer; it may have delivered")
    return Transient("Telegram is out of order")


def _seconds(error: RetryAfter) -> float:
    pause = error.retry_after
    return pause.total_seconds() if isinstance(pause, timedelta) else float(pause)


def _refused(text: str) -> Permanent:
    lowered = text.lower()
    kind = NotFound if any(gone in lowered for gone in _GONE) else Permanent
    return kind(f"Telegram refused: {text[:200]}")
