"""Messages in the log."""

from structlog.testing import capture_logs

from domain.notice import Message
from tools.console import ConsoleNotifier


async def test_a_message_is_a_log_line() -> None:
    """Without a logger of its own it writes to structlog; loud is a warning."""
    message = Message(incident="i1", html="<b>x</b>", text="needs you", loud=True)

    with capture_logs() as lines:
        number = await ConsoleNotifier().deliver(message, None)

    assert lines == [{"event": "needs you", "incident": "i1", "log_level": "warning"}]
    assert number == "i1"
