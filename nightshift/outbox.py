"""Bringing a channel's messages up to date with the ledger. Not here: wording, or the channel.

At least once: a crash between a delivery and its record delivers again, and an edit that
changes nothing is no news to the channel. In order: a channel that is out of order rests as a
whole, and is then tried with the oldest message first.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import structlog

from domain.errors import NightshiftError, Permanent, Transient
from domain.notice import Notifier
from domain.ports import Clock, Ledger
from domain.store import Draft, Outbox, Reading
from nightshift.render import render

log = structlog.get_logger(__name__)

BATCH: Final = 50
FIRST_BACKOFF_S: Final = 2.0
LONGEST_BACKOFF_S: Final = 300.0
REFUSED_S: Final = 3600.0
"""What a channel refused for good is tried again this late: a person may have mended the cause."""
ALONE: Final = 20
"""Failed tries (over an hour) after which a message no longer holds up those behind it."""


async def run_outbox(
    outbox: Outbox,
    reading: Reading,
    ledger: Ledger,
    notifier: Notifier,
    clock: Clock,
    *,
    min_interval_s: float = 3.0,
    poll_s: float = 1.0,
    wakeup: asyncio.Event | None = None,
) -> None:
    """Deliver this channel's drafts for ever; cancel it to stop.

    `min_interval_s` lies between two edits of one message, loud ones apart. `wakeup`, set by
    whoever wrote an event, spares it the wait of `poll_s`.
    """
    courier = Courier(outbox, reading, ledger, notifier, clock, min_interval_s=min_interval_s)
    wakeup = wakeup or asyncio.Event()
    while True:
        wakeup.clear()
        pause = await courier.round()
        if courier.resting:
            await clock.sleep(pause)
        else:
            await _either(clock, wakeup, min(pause, poll_s))


class Courier:
    """One channel's deliveries. `round` is one pass over what is due."""

    def __init__(
        self,
        outbox: Outbox,
        reading: Reading,
        ledger: Ledger,
        notifier: Notifier,
        clock: Clock,
        *,
        min_interval_s: float = 3.0,
    ) -> None:
        self._outbox = outbox
        self._reading = reading
        self._ledger = ledger
        self._notifier = notifier
        self._clock = clock
        self._between = timedelta(seconds=min_interval_s)
        self._last: dict[str, datetime] = {}
        self._unrecorded: dict[str, Draft] = {}
        self._rests_until: datetime | None = None
        self._rest = timedelta(0)
        self._failures = 0

    @property
    def resting(self) -> bool:
        """Whether the channel needs a pause; a clock that is put back makes it no longer."""
        if self._rests_until is None:
            return False
        return timedelta(0) < self._rests_until - self._clock.now() <= self._rest

    async def round(self) -> float:
        """Deliver what is due; returns the seconds after which to look again, at most."""
        self._forget()
        if self.resting:
            return self._seconds_until(self._rests_until)
        try:
            drafts = await self._outbox.drafts(self._notifier.name, limit=BATCH)
        except NightshiftError as error:
            log.warning("outbox_unreadable", channel=self._notifier.name, error=str(error))
            return FIRST_BACKOFF_S
        early = [draft for draft in drafts if self._too_early(draft)]
        for draft in drafts:
            if draft not in early and not self.resting:
                await self._deliver(draft)
        if self.resting:
            return self._seconds_until(self._rests_until)
        due = (self._last[draft.incident] + self._between for draft in early)
        return min((self._seconds_until(at) for at in due), default=float("inf"))

    def _too_early(self, draft: Draft) -> bool:
        """An edit so soon after the last that the next event may as well go with it."""
        last = self._last.get(draft.incident)
        if last is None or draft.loud or draft.external_id is None:
            return False
        return last <= self._clock.now() < last + self._between

    def _forget(self) -> None:
        """Messages that have long been still need no pacing."""
        now = self._clock.now()
        self._last = {key: at for key, at in self._last.items() if now < at + self._between}

    def _seconds_until(self, moment: datetime | None) -> float:
        now = self._clock.now()
        return max(((moment or now) - now).total_seconds(), 0.0)

    async def _deliver(self, draft: Draft) -> None:
        """One message; whatever goes wrong is kept with the draft and tried again later."""
        sent = self._unrecorded.get(draft.incident)
        if sent is None or sent.version != draft.version:
            try:
                sent = draft.model_copy(update={"external_id": await self._send(draft)})
            except Transient as error:
                return await self._hold(draft, error)
            except Permanent as error:
                return await self._postpone(draft, error, REFUSED_S)
        self._failures = 0
        self._last[draft.incident] = self._clock.now()
        self._unrecorded[draft.incident] = sent
        return await self._record(sent)

    async def _record(self, sent: Draft) -> None:
        """A store that fails now must neither double the message nor let it ring again."""
        try:
            await self._outbox.delivered(sent, external_id=sent.external_id or "")
            del self._unrecorded[sent.incident]
        except NightshiftError as error:
            log.warning("not_recorded", channel=self._notifier.name, error=str(error))

    async def _send(self, draft: Draft) -> str:
        incident = await self._ledger.incident(draft.incident)
        timeline = await self._reading.timeline(draft.incident)
        message = render(incident, timeline, loud=draft.loud)
        before = self._unrecorded.get(draft.incident, draft)
        return await self._notifier.deliver(message, before.external_id)

    async def _hold(self, draft: Draft, error: Transient) -> None:
        """Limits and outages are the channel's, not one message's: all wait, and none overtakes.

        Only what failed for very long while nothing was asked for is passed by.
        """
        pause = error.retry_after or backoff(self._failures)
        self._failures += 1
        if error.retry_after is None and draft.tries >= ALONE:
            await self._postpone(draft, error, pause)
            return
        self._rest = timedelta(seconds=pause)
        self._rests_until = self._clock.now() + self._rest
        await self._postpone(draft, error, 0.0)

    async def _postpone(self, draft: Draft, error: NightshiftError, seconds: float) -> None:
        channel = self._notifier.name
        log.warning("not_delivered", channel=channel, incident=draft.incident, error=str(error))
        until = self._clock.now() + timedelta(seconds=seconds)
        try:
            await self._outbox.postpone(draft, until=until, error=str(error))
        except NightshiftError as lost:
            log.warning("outbox_unwritable", channel=channel, error=str(lost))


def backoff(tries: int) -> float:
    """Seconds before the next try after so many failed ones: doubling, bounded."""
    return float(min(FIRST_BACKOFF_S * 2 ** min(tries, 16), LONGEST_BACKOFF_S))


async def _either(clock: Clock, event: asyncio.Event, seconds: float) -> None:
    """Wait for the event or the time, whichever comes first."""
    waits = [asyncio.ensure_future(clock.sleep(seconds)), asyncio.create_task(event.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
