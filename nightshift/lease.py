"""One process at a time: a lease, what is done under it, and what must not outlive it.

Not here: where leases are kept (memory/cluster_store.py).
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol
from uuid import uuid4

import structlog

from domain.errors import NightshiftError, Transient
from domain.notice import Message, Notifier
from nightshift.crew import Work

log = structlog.get_logger(__name__)

TERM_S = 30.0
RENEW_S = 5.0
MARGIN_S = 15.0
"""A message is sent only while the lease lasts at least so long: longer than sending takes."""


class Leases(Protocol):
    """The part of a shared store that leases are kept in."""

    async def hold(self, name: str, *, holder: str, seconds: float) -> bool:
        """Take or keep it; False: another holder has it. Raises Transient."""

    async def release(self, name: str, *, holder: str) -> None:
        """Let the others have it. Raises Transient."""


class Lease:
    """The right to do the work of one name, as long as it is renewed.

    Time is counted by this machine's monotonic clock, from before the store was asked: it goes on
    while the process is frozen, so that whoever wakes up late knows that the lease is over.
    """

    def __init__(
        self,
        leases: Leases,
        name: str,
        *,
        term_s: float = TERM_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._leases, self._name, self._term_s, self._now = leases, name, term_s, now
        self._holder = uuid4().hex
        self._until = 0.0

    def lasts(self, seconds: float = 0.0) -> bool:
        """Whether it is ours for at least so long."""
        return self._now() + seconds < self._until

    async def renew(self) -> bool:
        """Take or keep it. A store that does not answer leaves it as it is."""
        asked = self._now()
        try:
            if await self._leases.hold(self._name, holder=self._holder, seconds=self._term_s):
                self._until = asked + self._term_s
            else:
                self._until = 0.0
        except NightshiftError as error:
            log.warning("lease_not_renewed", name=self._name, error=str(error))
        return self.lasts()

    async def run(self, work: Work, *, renew_s: float = RENEW_S) -> None:
        """Do the work whenever the lease is ours, for ever."""
        try:
            while True:
                if await self.renew():
                    log.info("lease_taken", name=self._name)
                    await self._while_ours(work, renew_s)
                await asyncio.sleep(renew_s)
        finally:
            await self._let_go()

    async def _while_ours(self, work: Work, renew_s: float) -> None:
        task = asyncio.create_task(work(), name=self._name)
        try:
            while await self.renew():
                await asyncio.wait([task], timeout=renew_s)
                if task.done():
                    await task
                    return
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _let_go(self) -> None:
        self._until = 0.0
        try:
            await self._leases.release(self._name, holder=self._holder)
        except NightshiftError as error:
            log.warning("lease_not_released", name=self._name, error=str(error))


class HeldNotifier:
    """A channel that is silent once the right to speak is another process's."""

    def __init__(self, notifier: Notifier, lease: Lease, *, margin_s: float = MARGIN_S) -> None:
        self._notifier, self._lease, self._margin_s = notifier, lease, margin_s
        self.name = notifier.name

    async def deliver(self, message: Message, previous: str | None) -> str:
        """Send it, if it is ours to send. Raises Transient, Permanent."""
        if not self._lease.lasts(self._margin_s):
            raise Transient("another process speaks to this channel now")
        return await self._notifier.deliver(message, previous)
