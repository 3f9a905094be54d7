"""When too many incidents would speak at once, one digest speaks for them. Not here: its words.

It is written down who is in it before it is sent, so that a crash in between sends it again and
loses nobody.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from domain.notice import Notifier
from domain.ports import Clock
from domain.store import Digest, Digests, Draft
from nightshift.render_digest import LIMIT, render_digest

WINDOW = timedelta(seconds=60)
MARK = "digest:"


class Crowd:
    """One channel's digest: who goes into it, and when it is brought up to date.

    `after` first messages within a minute go out by themselves; what comes then is gathered, and
    edits of the digest lie `between` each other.
    """

    def __init__(
        self, digests: Digests, notifier: Notifier, clock: Clock, *, after: int, between: timedelta
    ) -> None:
        self._digests, self._notifier, self._clock = digests, notifier, clock
        self._after, self._between = after, between
        self._began: list[datetime] = []
        self._edited: dict[str, datetime] = {}
        self._silent = False
        self.busy = False
        """Whether the last look gathered anybody."""

    def sent(self, draft: Draft) -> None:
        """A message went out by itself."""
        if draft.external_id is None:
            self._began.append(self._clock.now())

    async def alone(self, drafts: Sequence[Draft]) -> list[Draft]:
        """Gather what belongs into the digest; returns who speaks for itself. Raises Transient."""
        fresh = [one for one in drafts if one.external_id is None]
        crowded = bool(fresh) and await self._crowded(len(fresh))
        gathered = [
            one
            for one in drafts
            if (one.external_id or "").startswith(MARK) or (crowded and one.external_id is None)
        ]
        self.busy = bool(gathered)
        self._silent = self._silent and not self.busy  # also where nobody can tell if they were
        await self._digests.gather(gathered)
        told = {one.incident for one in gathered}
        return [one for one in drafts if one.incident not in told]

    async def _crowded(self, more: int) -> bool:
        now = self._clock.now()
        self._began = [at for at in self._began if at > now - WINDOW]
        if len(self._began) + more > self._after:
            return True
        return await self._digests.gathering(self._notifier.name)

    async def due(self) -> list[Digest]:
        """Digests to bring up to date now; a loud one at once. Raises Transient.

        One with nothing to say is not asked for again before somebody is gathered.
        """
        now = self._clock.now()
        self._edited = {key: at for key, at in self._edited.items() if now < at + self._between}
        if self._silent:
            return []
        found = await self._digests.digests(self._notifier.name)
        self._silent = not found and not await self._digests.anything_left(self._notifier.name)
        return [one for one in found if one.loud or one.id not in self._edited]

    async def deliver(self, digest: Digest) -> None:
        """Bring the channel's message up to date. Raises Transient, Permanent."""
        gathered = await self._digests.gathered(digest, limit=LIMIT)
        sent = await self._notifier.deliver(render_digest(digest, gathered), digest.external_id)
        self._edited[digest.id] = self._clock.now()
        await self._digests.digest_out(digest, external_id=sent)

    async def hold_back(self, digest: Digest, *, seconds: float) -> None:
        """Try it again later. Raises Transient."""
        until = self._clock.now() + timedelta(seconds=seconds)
        await self._digests.hold_back(digest, until=until)
