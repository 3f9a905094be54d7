"""Messages as lines of the log, where no chat is configured. Not here: wording."""

import structlog
from structlog.typing import FilteringBoundLogger

from domain.notice import Message


class ConsoleNotifier:
    """The `Notifier` that writes each message to a structlog logger; it has nothing to edit."""

    name = "console"

    def __init__(self, logger: FilteringBoundLogger | None = None) -> None:
        self._logger = logger or structlog.get_logger("nightshift.message")

    async def deliver(self, message: Message, previous: str | None) -> str:
        """Write the text, a loud one as a warning; returns the incident as its id."""
        write = self._logger.warning if message.loud else self._logger.info
        write(message.text, incident=message.incident)
        return previous or message.incident
