"""Studio's ledger: no intents, and a finished incident stays as it is. Not here: SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from domain.decision import Refused
from domain.evidence import Evidence
from domain.incident import Episode, Event, Outcome
from domain.journal import Claimed, HeldBy, Intent
from domain.plain import Plain
from domain.ports import Decide, Ledger


class Sketch:
    """The ledger, without leave to act; what forks of a finished incident write stays here."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._seen: dict[tuple[str, str], Evidence] = {}
        self._asked: dict[tuple[str, str], datetime] = {}

    def __getattr__(self, name: str) -> Any:
        """Reading is the ledger's own."""
        return getattr(self._ledger, name)

    async def record(self, incident: str, event: Event) -> None:
        """Add to the story of an incident that goes on."""
        if not await self._over(incident):
            await self._ledger.record(incident, event)

    async def update(
        self, incident: str, *, evidence: Sequence[Evidence] = (), **known: Any
    ) -> None:
        """Set what has become known of an incident that goes on."""
        if await self._over(incident):
            self._see(incident, evidence)
        else:
            await self._ledger.update(incident, evidence=evidence, **known)

    async def keep_evidence(self, incident: str, evidence: Sequence[Evidence]) -> list[str]:
        """A fork counts its rounds as the first run did: its observations must not mix."""
        if not await self._over(incident):
            return await self._ledger.keep_evidence(incident, evidence)
        return self._see(incident, evidence)

    def _see(self, incident: str, evidence: Sequence[Evidence]) -> list[str]:
        self._seen.update({(incident, one.id): one for one in evidence})
        return [one.id for one in evidence]

    async def evidence(self, incident: str, ids: Sequence[str]) -> list[Evidence]:
        """The last that was seen under each id."""
        stored = [one for one in ids if (incident, one) not in self._seen]
        found = {one.id: one for one in await self._ledger.evidence(incident, stored)}
        return [self._seen.get((incident, one)) or found[one] for one in ids]

    async def claim(
        self, incident: str, keys: Sequence[str], *, unless_held: Sequence[str] = ()
    ) -> Claimed | HeldBy:
        """A fork holds nothing: nobody would ever release it."""
        if await self._over(incident):
            return Claimed(fence=0)
        return await self._ledger.claim(incident, keys, unless_held=unless_held)

    async def fold(self, incident: str, parent: str) -> None:
        """Wait for the parent's end, where there is something to wait."""
        if not await self._over(incident):
            await self._ledger.fold(incident, parent)

    async def stand_for(self, incident: str, key: str) -> None:
        """What an incident that goes on is about."""
        if not await self._over(incident):
            await self._ledger.stand_for(incident, key)

    async def latch(self, incident: str, key: str, reason: str) -> None:
        """Nothing is latched by what is tried out here."""

    async def latched_again(self, key: str, *, remind_s: float) -> None:
        """What is tried out here reminds nobody."""

    async def reserve(self, intents: Sequence[Intent], decide: Decide) -> Refused:
        """Never: so the journal here holds no intent that a later run could carry out."""
        return Refused(rule="mode", reason="Studio only looks", observed=True)

    async def call(self, intent: Intent) -> str:
        """Never either."""
        return "Studio only looks"

    async def ask(
        self, incident: str, *, digest: str, request: Plain, expires_at: datetime
    ) -> None:
        """A fork's question stands in its thread and nowhere else."""
        if await self._over(incident):
            self._asked.setdefault((incident, digest), expires_at)
            return
        await self._ledger.ask(incident, digest=digest, request=request, expires_at=expires_at)

    async def approval_expires(self, incident: str, digest: str) -> datetime | None:
        """When the question ends."""
        asked = self._asked.get((incident, digest))
        return asked or await self._ledger.approval_expires(incident, digest)

    async def finish(
        self,
        incident: str,
        outcome: Outcome,
        reason: str,
        episode: Episode | None,
        *,
        event: Event | None = None,
    ) -> None:
        """Once: a fork's outcome is its thread's."""
        if not await self._over(incident):
            await self._ledger.finish(incident, outcome, reason, episode, event=event)

    async def _over(self, incident: str) -> bool:
        return (await self._ledger.incident(incident)).status == "done"
