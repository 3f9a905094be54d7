"""The journal's head, noted outside the database: in a file, the log and a quiet daily message.

Whoever can write the database can write a whole new chain; a head that somebody else noted is not
in it. Not here: the chain (memory/journal.py), or the metric (metrics.py).
"""

import os
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from domain.errors import NightshiftError, Transient
from domain.journal import Sealed
from domain.notice import Message, Notifier
from domain.plain import Record
from domain.ports import Clock
from memory.store import Store

log = structlog.get_logger(__name__)

FILE: Final = "audit-heads.log"
EVERY_S: Final = 60.0
TELL_AGAIN_S: Final = 3600.0
"""What a channel did not take, or not answer, is told this much later; nobody waits for it."""
_LINE = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?\+00:00) (\d{1,18}) ([0-9a-f]+) (\S+)"
)
HERE: Final = "file"
"""Where the file says that a head was noted, besides the channels people were told by."""


class Anchor(Record):
    """A head as it was noted: after how many lines, when, and where."""

    at: datetime
    lines: int
    head: str
    where: str = HERE

    def line(self) -> str:
        """One line of the file."""
        return f"{self.at.isoformat()} {self.lines} {self.head} {self.where}\n"


def read_anchors(folder: Path) -> list[Anchor]:
    """All that were noted there, oldest first; what is no such line is left out."""
    file = folder / FILE
    rows = file.read_text(errors="replace").splitlines() if file.exists() else []
    found = [match.groups() for match in map(_LINE.fullmatch, rows) if match]
    return [
        Anchor(at=datetime.fromisoformat(at), lines=int(lines), head=head, where=where)
        for at, lines, head, where in found
    ]


def write_anchor(folder: Path, anchor: Anchor) -> None:
    """Add it to the file, which only this user may read. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    descriptor = os.open(folder / FILE, flags, 0o600)
    try:
        os.write(descriptor, anchor.line().encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Keeper:
    """Notes the head whenever it has moved, at most once a minute; tells people once a day.

    A day is UTC's, and the first message comes on the day after the first line.
    """

    def __init__(
        self, store: Store, folder: Path, notifiers: Sequence[Notifier], clock: Clock
    ) -> None:
        self._store, self._folder, self._clock = store, folder, clock
        self._notifiers = notifiers
        noted = read_anchors(folder)
        self._first = noted[0] if noted else None
        self._noted = noted[-1].head if noted else ""
        self._told = {one.where: one for one in noted}
        self._not_before = dict[str, datetime]()

    async def run(self) -> None:
        """Until cancelled; then the head is noted a last time."""
        try:
            while True:
                await self.look(self._notifiers)
                await self._clock.sleep(EVERY_S)
        finally:
            await self.look(())

    async def look(self, notifiers: Sequence[Notifier]) -> None:
        """Note the head if it moved, and tell those of these who have not heard today."""
        try:
            found = await self._store.sealed()
            self._note(found)
            for notifier in notifiers:
                if self._due(notifier, found) and not await self._rests(notifier):
                    await self._tell(notifier, found)
        except (NightshiftError, OSError) as error:
            log.warning("audit_head_not_noted", error=str(error))

    def _note(self, found: Sealed) -> None:
        if found.head != self._noted:
            anchor = self._write(found, HERE)
            self._first, self._noted = self._first or anchor, found.head
            log.info("audit_head", lines=found.lines, head=found.head)

    def _due(self, notifier: Notifier, found: Sealed) -> bool:
        """Whether this channel has not heard of this head, nor of any today, and may be asked."""
        now, last = self._clock.now(), self._told.get(notifier.name)
        since = last or self._first
        if since is None or since.at.date() == now.date() or (last and last.head == found.head):
            return False
        return self._not_before.get(notifier.name, now) <= now

    async def _rests(self, notifier: Notifier) -> bool:
        """Whether the channel has asked for a pause, be it another message's."""
        until = await self._store.rests_until(notifier.name)
        return until is not None and until > self._clock.now()

    async def _tell(self, notifier: Notifier, found: Sealed) -> None:
        self._not_before[notifier.name] = self._clock.now() + timedelta(seconds=TELL_AGAIN_S)
        try:
            await notifier.deliver(daily(found), None)
        except NightshiftError as error:
            if isinstance(error, Transient) and error.retry_after:
                until = self._clock.now() + timedelta(seconds=error.retry_after)
                await self._store.rest(notifier.name, until=until)
            log.warning("audit_head_not_told", channel=notifier.name, error=str(error))
            return
        self._told[notifier.name] = self._write(found, notifier.name)

    def _write(self, found: Sealed, where: str) -> Anchor:
        anchor = Anchor(at=self._clock.now(), lines=found.lines, head=found.head, where=where)
        write_anchor(self._folder, anchor)
        return anchor


def daily(found: Sealed) -> Message:
    """A message to be kept, not to be woken by; it belongs to no incident."""
    said = f"Audit trail: {found.lines} lines, sealed by"
    check = f"nightshift audit verify --head {found.head}"
    return Message(
        incident="audit",
        html=f"🔏 {said} <code>{found.head}</code>\n<i>To check it later:</i> <code>{check}</code>",
        text=f"{said} {found.head}\nTo check it later: {check}",
        loud=False,
    )
