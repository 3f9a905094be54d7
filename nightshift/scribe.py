"""What a message says now, written once for all channels that are behind alike.

Not here: the wording (render.py), or whose turn it is to be told (outbox.py).
"""

import asyncio
from typing import Final

from domain.errors import Unreadable
from domain.notice import Message
from domain.store import Draft, Reading
from nightshift.render import render, unreadable

SHARED_S: Final = 1.0
"""So long a message counts as what is said now; a later attempt at the same is written anew."""

Key = tuple[str, int, bool]


class Scribe:
    """Reads an incident's story and renders it."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._written: dict[Key, tuple[float, asyncio.Task[Message]]] = {}

    async def message(self, draft: Draft) -> Message:
        """The message as it should stand now. Raises Transient."""
        now = asyncio.get_running_loop().time()
        self._forget(now)
        key = draft.incident, draft.version, draft.loud
        if key not in self._written:
            writing = asyncio.create_task(self._write(draft), name="message")
            writing.add_done_callback(_heard)
            self._written[key] = now, writing
        return await asyncio.shield(self._written[key][1])

    def _forget(self, now: float) -> None:
        for key, (begun, writing) in list(self._written.items()):
            if begun + SHARED_S <= now or _failed(writing):
                del self._written[key]

    async def _write(self, draft: Draft) -> Message:
        try:
            incident, timeline = await self._reading.story(draft.incident)
        except Unreadable as error:
            return unreadable(draft.incident, str(error), loud=draft.loud)
        return render(incident, timeline, loud=draft.loud)


def _failed(writing: asyncio.Task[Message]) -> bool:
    return writing.done() and (writing.cancelled() or writing.exception() is not None)


def _heard(writing: asyncio.Task[Message]) -> None:
    """An error whose readers have all gone is nobody's."""
    if not writing.cancelled():
        writing.exception()
