"""Bringing a channel's messages up to date with the ledger. Not here: wording, or the channel.

At least once: a crash between a delivery and its record delivers again, and an edit that
changes nothing is no news to the channel. In order: a channel that is out of order rests as a
whole, and is then tried with the oldest message first.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

import structlog

from domain.errors import NightshiftError, Permanent, Transient
from domain.notice import Notifier
from domain.ports import Clock
from domain.store import Digest, Digests, Draft, Outbox
from nightshift.crowd import Crowd
from nightshift.scribe import Scribe

log = structlog.get_logger(__name__)

BATCH: Final = 50
CROWD: Final = 500
"""Drafts looked at together where many of them may become one message."""
DIGEST_EVERY_S: Final = 10.0
"""Between two quiet edits of a digest: thousands of incidents are counted for each."""
FIRST_BACKOFF_S: Final = 2.0
LONGEST_BACKOFF_S: Final = 300.0
REFUSED_S: Final = 3600.0
"""What a channel refused for good is tried again this late: a person may have mended the cause."""
ALONE: Final = 20
"""Failed tries (over an hour) after which a message no longer holds up those behind it."""


async def run_outbox(
    outbox: Outbox,
    scribe: Scribe,
    notifier: Notifier,
    clock: Clock,
    *,
    min_interval_s: float = 3.0,
    poll_s: float = 1.0,
    digests: Digests | None = None,
    digest_after: int = 10,
    wakeup: asyncio.Event | None = None,
) -> None:
    """Deliver this channel's drafts for ever; cancel it to stop.

    `min_interval_s` lies between two edits of one message, loud ones apart. `wakeup`, set by
    whoever wrote an event, spares it the wait of `poll_s`. With `digests`, what comes after
    `digest_after` first messages within a minute goes out as one.
    """
    courier = Courier(outbox, scribe, notifier, clock, min_interval_s=min_interval_s)
    if digests is not None:
        between = timedelta(seconds=max(min_interval_s, DIGEST_EVERY_S))
        courier.crowd = Crowd(digests, notifier, clock, after=digest_after, between=between)
    wakeup = wakeup or asyncio.Event()
    while True:
        wakeup.clear()
        pause = await courier.round()
        if courier.resting:
            await clock.sleep(pause)
        elif courier.crowd is not None and courier.crowd.busy:
            await clock.sleep(poll_s)  # in a storm every change would wake it: once is enough
        else:
            await _either(clock, wakeup, min(pause, poll_s))


class Courier:
    """One channel's deliveries. `round` is one pass over what is due."""

    def __init__(
        self,
        outbox: Outbox,
        scribe: Scribe,
        notifier: Notifier,
        clock: Clock,
        *,
        min_interval_s: float = 3.0,
    ) -> None:
        self._outbox = outbox
        self._scribe = scribe
        self._notifier = notifier
        self._clock = clock
        self._between = timedelta(seconds=min_interval_s)
        self._last: dict[str, datetime] = {}
        self._unrecorded: dict[str, Draft] = {}
        self._rests_until: datetime | None = None
        self._rest = timedelta(0)
        self._failures = 0
        self._begun = False
        self.crowd: Crowd | None = None

    @property
    def resting(self) -> bool:
        """Whether the channel needs a pause; a clock that is put back makes it no longer."""
        if self._rests_until is None:
            return False
        return timedelta(0) < self._rests_until - self._clock.now() <= self._rest

    async def round(self) -> float:
        """Deliver what is due; returns the seconds after which to look again, at most."""
        self._forget()
        try:
            await self._begin()
            if self.resting:
                return self._seconds_until(self._rests_until)
            limit = BATCH if self.crowd is None else CROWD
            drafts = await self._outbox.drafts(self._notifier.name, limit=limit)
            drafts = drafts if self.crowd is None else await self.crowd.alone(drafts)
        except NightshiftError as error:
            log.warning("outbox_unreadable", channel=self._notifier.name, error=str(error))
            return FIRST_BACKOFF_S
        early = [draft for draft in drafts if self._too_early(draft)]
        for draft in drafts:
            if draft not in early and not self.resting:
                await self._deliver(draft)
        if self.crowd is not None and not self.resting:
            await self._deliver_digests(self.crowd)
        if self.resting:
            return self._seconds_until(self._rests_until)
        due = (self._last[draft.incident] + self._between for draft in early)
        return min((self._seconds_until(at) for at in due), default=float("inf"))

    async def _begin(self) -> None:
        """Keep the pause that whoever was the courier before was asked for."""
        if not self._begun:
            until = await self._outbox.rests_until(self._notifier.name)
            self._begun = True
            if until is not None:
                self._rests_until, self._rest = until, until - self._clock.now()

    async def _deliver_digests(self, crowd: Crowd) -> None:
        """What speaks for many; whatever goes wrong is tried again later."""
        try:
            for digest in await crowd.due():
                await self._deliver_digest(crowd, digest)
        except NightshiftError as error:
            log.warning("digest_not_kept", channel=self._notifier.name, error=str(error))

    async def _deliver_digest(self, crowd: Crowd, digest: Digest) -> None:
        try:
            await crowd.deliver(digest)
        except Transient as error:
            pause = await self._pause(error)
            await crowd.hold_back(digest, seconds=pause)
        except Permanent as error:
            log.warning("digest_refused", channel=self._notifier.name, error=str(error))
            await crowd.hold_back(digest, seconds=REFUSED_S)

    async def _pause(self, error: Transient, tries: int = 0) -> float:
        """Let the whole channel rest; for how many seconds.

        After a restart tries are as far apart as before it, and a pause that was asked for goes on.
        """
        pause = error.retry_after or backoff(max(self._failures, tries))
        self._failures += 1
        self._rest = timedelta(seconds=pause)
        self._rests_until = self._clock.now() + self._rest
        if error.retry_after is not None:
            channel, until = self._notifier.name, self._rests_until
            log.warning("channel_rests", channel=channel, seconds=pause, error=str(error))
            with self._written(channel):
                await self._outbox.rest(channel, until=until)
        return pause

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
        if draft.incident not in self._unrecorded and self.crowd is not None:
            self.crowd.sent(draft)
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
        message = await self._scribe.message(draft)
        before = self._unrecorded.get(draft.incident, draft)
        return await self._notifier.deliver(message, before.external_id)

    async def _hold(self, draft: Draft, error: Transient) -> None:
        """Limits and outages are the channel's, not one message's: all wait, and none overtakes.

        Only what failed for very long while nothing was asked for is passed by.
        """
        asked = error.retry_after is not None
        if draft.tries >= ALONE and not asked:
            self._failures += 1
            await self._postpone(draft, error, backoff(self._failures - 1))
            return
        await self._pause(error, draft.tries)
        if not asked:
            await self._postpone(draft, error, 0.0)

    async def _postpone(self, draft: Draft, error: NightshiftError, seconds: float) -> None:
        channel = self._notifier.name
        log.warning("not_delivered", channel=channel, incident=draft.incident, error=str(error))
        until = self._clock.now() + timedelta(seconds=seconds)
        with self._written(channel):
            await self._outbox.postpone(draft, until=until, error=str(error))

    @staticmethod
    @contextmanager
    def _written(channel: str) -> Iterator[None]:
        """A store that fails now costs a try too early, and no message."""
        try:
            yield
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
