"""What nodes ask of the world. Each port has a real adapter and one in nightshift/testing.py.

Every adapter puts a time-out on every call, returns what happened ("no data" included, with the
exact query it made) and raises only `Transient` or `Permanent` (domain/errors.py).
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from domain.decision import Allowed, Approval, NeedsApproval, Refused
from domain.diagnosis import Diagnosis, Match
from domain.evidence import Evidence
from domain.facts import ContainerEvent, ContainerFacts, ContainerStats, Inventory, LogTail
from domain.guests import GuestFacts, GuestInventory
from domain.incident import Attempt, Episode, Event, Incident, Outcome, PastIncident
from domain.journal import Claimed, EffectResult, Entry, HeldBy, Intent, Latch, Standing
from domain.plain import Plain, Record
from domain.remedy import Effect
from domain.target import Target
from domain.verdict import Verdict


@runtime_checkable
class Clock(Protocol):
    """Time, so that tests own it."""

    def now(self) -> datetime:
        """UTC, aware."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class Performed(Record):
    """An effect's answer: `done`, or `already` where nothing had to change."""

    result: Literal["done", "already"]
    detail: str


@runtime_checkable
class Containers(Protocol):
    """The container runtimes of all configured hosts."""

    async def inventory(self) -> Inventory:
        """All containers in scope or out of it, running or not, of every host that answers."""

    async def facts(self, target: Target) -> ContainerFacts:
        """Inspect by host and full id. Raises NotFound, Transient."""

    async def logs(self, target: Target, *, lines: int) -> LogTail:
        """The last lines, at most 64 KiB. Raises NotFound, Transient."""

    async def stats(self, target: Target) -> ContainerStats | None:
        """One usage sample; None when it is not running. Raises NotFound, Transient."""

    async def perform(self, effect: Effect) -> Performed:
        """Do one effect, once. Raises Transient when it is unknown whether it took place."""

    async def remembered(
        self, target: Target, *, since: datetime, until: datetime
    ) -> list[ContainerEvent]:
        """What the runtime still tells of this container between these times, oldest first.

        By the runtime's own clock; its networks are left out. Raises Transient.
        """

    def events(self, since: Mapping[str, datetime] | None) -> AsyncIterator[ContainerEvent]:
        """The event stream of all hosts; raises Transient when it breaks.

        `since` says by host from when on; of a host that it does not name everything that is
        still told, and None means from now on.
        """


@runtime_checkable
class Guests(Protocol):
    """Proxmox VE: one cluster's nodes and guests."""

    async def inventory(self) -> GuestInventory:
        """All nodes and guests; an endpoint that is down is named, not raised."""

    async def guest(self, target: Target) -> GuestFacts:
        """One guest by node and vmid, its tasks and lock included. Raises NotFound, Transient."""

    async def perform(self, effect: Effect) -> Performed:
        """Do one effect, once, and wait for its task's end.

        Raises Permanent with Proxmox' reason; Transient when it is unknown whether it took place,
        a task that did not end in time included.
        """


class Survey(Record):
    """All containers, guests and nodes that could be seen; looking began at `at`."""

    docker: Inventory
    cluster: GuestInventory
    at: datetime


@runtime_checkable
class Surveys(Protocol):
    """One look at everything, shared by all who may rest on it."""

    async def since(self, moment: datetime) -> Survey:
        """A survey that began then or later, or a new one. Raises what the runtimes raise."""


@runtime_checkable
class Rulebook(Protocol):
    """Runbooks."""

    def match(self, situation: Mapping[str, Plain]) -> Match | None:
        """The first runbook, by priority, whose condition holds over this situation."""


@runtime_checkable
class Memory(Protocol):
    """Past incidents by likeness. An index that can be rebuilt from the ledger."""

    async def similar(self, symptom: str, *, limit: int) -> list[PastIncident]:
        """The most similar finished incidents, best first. Raises Transient when out of order."""

    async def store(self, episode: Episode) -> None:
        """Add or replace one episode. Raises Transient."""


Decide = Callable[[Standing], Allowed | NeedsApproval | Refused]


@runtime_checkable
class Ledger(Protocol):
    """The truth: incidents, evidence, claims, intents, desired state; durable on return."""

    async def incident(self, incident: str) -> Incident:
        """One incident. Raises NotFound."""

    async def record(self, incident: str, event: Event) -> None:
        """Add one event to the timeline; live views and the outbox read it."""

    async def update(
        self,
        incident: str,
        *,
        target: Target | None = None,
        diagnosis: Diagnosis | None = None,
        attempts: Sequence[Attempt] | None = None,
        verdict: Verdict | None = None,
        evidence: Sequence[Evidence] = (),
        event: Event | None = None,
    ) -> None:
        """Set what has become known, and tell it, in one transaction; None leaves a field alone.

        `evidence` is kept as `keep_evidence` keeps it.
        """

    async def keep_evidence(self, incident: str, evidence: Sequence[Evidence]) -> list[str]:
        """Store observations (the newest of an id stands) and return their ids in order."""

    async def evidence(self, incident: str, ids: Sequence[str]) -> list[Evidence]:
        """The observations with these ids, in that order."""

    async def claim(
        self, incident: str, keys: Sequence[str], *, unless_held: Sequence[str] = ()
    ) -> Claimed | HeldBy:
        """Take all of these targets, or none. Again by the holder returns the same fence.

        None either while another holds one of `unless_held`.
        """

    async def holders(self, keys: Sequence[str]) -> dict[str, str]:
        """The incidents that hold these targets now, by target; free ones are absent."""

    async def last_healed(self, keys: Sequence[str]) -> datetime | None:
        """When an incident that healed one of these ended last; ends that lie ahead are none."""

    async def told(self, key: str) -> Incident | None:
        """The newest incident on this target that ended with people (escalated, denied …).

        None where that end may not stand for the next alert: it was refused for want of evidence,
        by the kill switch, or for the moment.
        """

    async def stand_for(self, incident: str, key: str) -> None:
        """This incident, which has no target, is about what this key names: a silent host."""

    async def fold(self, incident: str, parent: str) -> None:
        """Make it wait for its parent's end; its own claims are released."""

    async def latch(self, incident: str, key: str, reason: str) -> None:
        """Do nothing more to this target; again by the same incident is no change."""

    async def latched(self, key: str) -> Latch | None:
        """Whether nothing more is done to this target, and which incident told people of it."""

    async def latched_again(self, key: str, *, remind_s: float) -> None:
        """Note that a latched target was found broken; people are reminded after that time."""

    async def reserve(
        self, intents: Sequence[Intent], decide: Decide
    ) -> Allowed | NeedsApproval | Refused:
        """In one transaction: read the standing, decide, and where allowed write the intents."""

    async def standing(
        self, incident: str, *, thread: str, fence: int, keys: Sequence[str]
    ) -> Standing:
        """The same standing, outside a reservation: for a first word in analyse."""

    async def entries(self, incident: str, attempt: int) -> list[Entry]:
        """The journal of one attempt, in order of position."""

    async def call(self, intent: Intent) -> str:
        """Note that the call goes out now; why it may not, or an empty string.

        In one transaction with a last look at pause and claim. Nothing but an empty string lets
        it go. Raises Conflict (it went out before).
        """

    async def conclude(self, key: str, result: EffectResult, *, event: Event) -> None:
        """Write what came of an intent, and tell it; a second time is refused with Conflict."""

    async def ask(
        self, incident: str, *, digest: str, request: Plain, expires_at: datetime
    ) -> None:
        """Note that a person is asked; the same digest again is no change."""

    async def approval(self, incident: str, digest: str) -> Approval | None:
        """The answer to that request, if there is one."""

    async def approval_expires(self, incident: str, digest: str) -> datetime | None:
        """When that request ends; None if nobody was asked."""

    async def stop_story(self, key: str) -> list[ContainerEvent]:
        """The last events of this target, oldest first, bounded."""

    async def last_healthy(self, key: str) -> ContainerFacts | None:
        """Its facts when it was last seen well."""

    async def ours(self, key: str, *, since: datetime) -> list[Entry]:
        """Our own effects on this target since then: stops that were not somebody's."""

    async def past(self, *, alert_name: str, service: str, kind: str) -> list[Episode]:
        """Finished incidents of exactly this alert, service and kind, newest first, bounded."""

    async def finish(
        self,
        incident: str,
        outcome: Outcome,
        reason: str,
        episode: Episode | None,
        *,
        event: Event | None = None,
    ) -> None:
        """One transaction: outcome, episode, claims released, folded children woken.

        `event`, told before the outcome, is what was learned.
        """
