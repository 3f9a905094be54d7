"""The ports of a run that goes over a recording: it looks at what was seen, and changes nothing.

Not here: how a recording is collected (recording.py), or who runs over it (replay.py, studio/).
"""

# ruff: noqa: D102  # the ports that these objects stand for carry the docstrings

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime

from domain.alert import Alert
from domain.decision import Approval, Refused
from domain.deps import Deps
from domain.errors import NotFound, Permanent
from domain.evidence import Evidence
from domain.facts import ContainerEvent, ContainerFacts, ContainerStats, Inventory, LogTail
from domain.guests import GuestFacts, GuestInventory
from domain.incident import Episode, Event, Incident, Outcome, PastIncident
from domain.journal import Claimed, EffectResult, Entry, Intent, Latch, Standing
from domain.limits import Limits
from domain.metrics import Answer, Expression, Probe
from domain.plain import Plain
from domain.ports import Decide, Performed, Rulebook
from domain.reasoning import Reasoner
from domain.remedy import Effect
from domain.target import Target
from nightshift.recording import Recording

Sight = dict[str, Evidence]
"""One observation of each kind: the world as the run sees it."""


def sight_of(recording: Recording, ids: Sequence[str] = ()) -> Sight:
    """The newest of these observations of each kind; without ids, the first ever made."""
    if ids:
        return {one.kind: one for one in recording.evidence if one.id in ids}
    return {one.kind: one for one in reversed(recording.evidence)}


def recorded_deps(
    recording: Recording,
    *,
    rulebook: Rulebook,
    limits: Limits,
    ids: Sequence[str] = (),
    reasoner: Reasoner | None = None,
) -> Deps:
    """What a run over this recording is given; `ids` name the evidence that is its world."""
    sight = sight_of(recording, ids)
    at = max((one.at for one in sight.values()), default=recording.incident.opened_at)
    return Deps(
        clock=ThatMoment(at),
        containers=RecordedContainers(sight),
        metrics=RecordedMetrics(sight),
        ledger=RecordedLedger(recording, at),
        memory=NoIndex(),
        rulebook=rulebook,
        limits=limits,
        guests=RecordedGuests(sight) if {"cluster", "guest_scene"} & set(sight) else None,
        reasoner=reasoner,
    )


class ThatMoment:
    """The clock stands at the time of the evidence."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    async def sleep(self, seconds: float) -> None:
        return None


class RecordedContainers:
    """The runtime as it was observed; refuses every effect."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight

    async def inventory(self) -> Inventory:
        everyone = self._sight.get("inventory")
        found = Inventory.model_validate(everyone.data) if everyone else Inventory(containers=[])
        scene = self._sight.get("scene")
        if scene is None:
            return found
        facts = ContainerFacts.model_validate(scene.data["facts"])
        others = [one for one in found.containers if one.target != facts.target]
        return Inventory(containers=[facts, *others])

    async def facts(self, target: Target) -> ContainerFacts:
        for facts in (await self.inventory()).containers:
            if facts.target == target:
                return facts
        raise NotFound(f"{target.name!r} is not among what was recorded")

    async def logs(self, target: Target, *, lines: int) -> LogTail:
        data = self._sight["logs"].data if "logs" in self._sight else {"lines": []}
        return LogTail.model_validate({"truncated": True, **data})

    async def stats(self, target: Target) -> ContainerStats | None:
        return None

    async def perform(self, effect: Effect) -> Performed:
        raise Permanent("a replay has no effects")

    async def remembered(
        self, target: Target, *, since: datetime, until: datetime
    ) -> list[ContainerEvent]:
        return []

    async def events(
        self, since: Mapping[str, datetime] | None
    ) -> AsyncGenerator[ContainerEvent, None]:
        nothing: list[ContainerEvent] = []
        for event in nothing:
            yield event


class RecordedGuests:
    """Proxmox as it was observed; refuses every effect."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight

    async def inventory(self) -> GuestInventory:
        cluster, scene = self._sight.get("cluster"), self._sight.get("guest_scene")
        found = GuestInventory.model_validate(cluster.data) if cluster else GuestInventory()
        if scene is None or not scene.data:
            return found
        facts = GuestFacts.model_validate(scene.data["facts"])
        others = [one for one in found.guests if one.target != facts.target]
        return found.model_copy(update={"guests": [facts, *others]})

    async def guest(self, target: Target) -> GuestFacts:
        facts = (await self.inventory()).guest(target)
        if facts is None:
            raise NotFound(f"{target.name!r} is not among what was recorded")
        return facts

    async def perform(self, effect: Effect) -> Performed:
        raise Permanent("a replay has no effects")


class RecordedMetrics:
    """Prometheus as it answered then."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight

    def _data(self, kind: str) -> Plain:
        found = self._sight.get(kind)
        return {"query": found.query, **found.data} if found and found.data else {}

    async def instant(self, query: str) -> Answer:
        return Answer(query=query)

    async def range(self, query: str, *, start: datetime, end: datetime, step_s: float) -> Answer:
        return Answer(query=query)

    async def firing(self) -> list[Alert]:
        return []

    async def expression(self, alert: Alert) -> Expression:
        blind: Plain = {"state": "blind", "query": "", "detail": "not recorded"}
        return Expression.model_validate(self._data("expression") or blind)

    async def probe(self, facts: ContainerFacts) -> Probe:
        absent: Plain = {"state": "absent", "query": "", "detail": "not recorded"}
        return Probe.model_validate(self._data("probe") or absent)

    async def volumes(self, facts: ContainerFacts) -> Answer:
        return Answer(query="volumes")


class NoIndex:
    """What the ledger knows of the same fault is enough to decide."""

    async def similar(self, symptom: str, *, limit: int) -> list[PastIncident]:
        return []

    async def store(self, episode: Episode) -> None:
        return None


class RecordedLedger:
    """The ledger as the recording has it. What a run would write stays here; `story` is told."""

    def __init__(self, recording: Recording, at: datetime) -> None:
        self._recording, self._at = recording, at
        self._known = {one.id: one for one in recording.evidence}
        self._requests: dict[str, datetime] = {}
        self.story: list[Event] = []

    async def incident(self, incident: str) -> Incident:
        if incident != self._recording.incident.id:
            raise NotFound(f"incident {incident!r} is not the one that was recorded")
        return self._recording.incident

    async def record(self, incident: str, event: Event) -> None:
        self.story.append(event)

    async def update(
        self,
        incident: str,
        *,
        evidence: Sequence[Evidence] = (),
        event: Event | None = None,
        **values: object,
    ) -> None:
        await self.keep_evidence(incident, evidence)
        if event is not None:
            self.story.append(event)

    async def keep_evidence(self, incident: str, evidence: Sequence[Evidence]) -> list[str]:
        self._known.update({one.id: one for one in evidence})
        return [one.id for one in evidence]

    async def evidence(self, incident: str, ids: Sequence[str]) -> list[Evidence]:
        return [self._known[one] for one in ids if one in self._known]

    async def claim(
        self, incident: str, keys: Sequence[str], *, unless_held: Sequence[str] = ()
    ) -> Claimed:
        return Claimed(fence=0)

    async def holders(self, keys: Sequence[str]) -> dict[str, str]:
        return {}

    async def last_healed(self, keys: Sequence[str]) -> datetime | None:
        return None

    async def told(self, key: str) -> Incident | None:
        return None

    async def stand_for(self, incident: str, key: str) -> None:
        return None

    async def fold(self, incident: str, parent: str) -> None:
        return None

    async def latch(self, incident: str, key: str, reason: str) -> None:
        return None

    async def latched(self, key: str) -> Latch | None:
        return None

    async def latched_again(self, key: str, *, remind_s: float) -> None:
        return None

    async def reserve(self, intents: Sequence[Intent], decide: Decide) -> Refused:
        return Refused(rule="claim", reason="a replay has no effects")

    async def standing(
        self, incident: str, *, thread: str, fence: int, keys: Sequence[str]
    ) -> Standing:
        found = self._recording.standing
        recent = [one for one in found.recent if one.target_key in keys]
        return found.model_copy(update={"recent": recent})

    async def entries(self, incident: str, attempt: int) -> list[Entry]:
        return []

    async def call(self, intent: Intent) -> str:
        return "a replay has no effects"

    async def conclude(self, key: str, result: EffectResult, *, event: Event) -> None:
        return None

    async def ask(
        self, incident: str, *, digest: str, request: Plain, expires_at: datetime
    ) -> None:
        self._requests.setdefault(digest, expires_at)

    async def approval(self, incident: str, digest: str) -> Approval | None:
        return None

    async def approval_expires(self, incident: str, digest: str) -> datetime | None:
        return self._requests.get(digest)

    async def stop_story(self, key: str) -> list[ContainerEvent]:
        story = [one for one in self._recording.story if one.target_key == key]
        return [one for one in story if one.at <= self._at]

    async def last_healthy(self, key: str) -> ContainerFacts | None:
        scene = next((one for one in self._known.values() if one.kind == "scene"), None)
        last = scene.data.get("last_healthy") if scene else None
        facts = ContainerFacts.model_validate(last) if last else None
        return facts if facts and facts.target.key == key else None

    async def ours(self, key: str, *, since: datetime) -> list[Entry]:
        return [one for one in self._recording.ours if since <= one.intent.at <= self._at]

    async def past(self, *, alert_name: str, service: str, kind: str) -> list[Episode]:
        return list(self._recording.past)

    async def finish(
        self,
        incident: str,
        outcome: Outcome,
        reason: str,
        episode: Episode | None,
        *,
        event: Event | None = None,
    ) -> None:
        if event is not None:
            self.story.append(event)
