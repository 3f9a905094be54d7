"""What the shell asks of the store: accepting, queueing, messages, reading. Not here: nodes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from pydantic import Field

from domain.alert import Alert
from domain.decision import Approval
from domain.facts import ContainerEvent, ContainerFacts
from domain.incident import Event, Incident, IncidentStatus, Usage
from domain.journal import Sealed
from domain.plain import Plain, Record


class Job(Record):
    """One segment to drive: run this incident's graph from where it stands."""

    id: int
    incident: str
    why: Literal["alert", "cleared", "decision", "expiry", "wake", "parent_done", "resume"]
    due_at: datetime


@runtime_checkable
class Inbox(Protocol):
    """Accepted alerts and the jobs they become. Jobs are serial per incident."""

    async def deliver(self, alerts: Sequence[Alert]) -> None:
        """Write all alerts down, durable on return; they are sorted into incidents soon after.

        Deliveries are sorted in their order. Raises NotStored.
        """

    async def accept(self, alerts: Sequence[Alert]) -> list[str]:
        """In one transaction, sort all alerts and return the incidents they belong to.

        What was delivered before is sorted before. One id an alert, in order, without repeats; a
        `resolved` alert that belongs to no incident is kept (a late `firing` of its episode opens
        cleared) and returns none. Raises NotStored.
        """

    async def catch_up(self) -> None:
        """What was delivered to this process is sorted on return, if the store can do it now."""

    async def take(self) -> Job | None:
        """The oldest due job whose incident nobody works on; it is ours until `done`."""

    async def done(self, job: Job) -> None:
        """This segment ended; the job is gone."""

    async def give_back(self, job: Job) -> None:
        """This segment was cut short; the job can be taken again."""

    async def wake(self, incident: str, *, why: str, at: datetime) -> None:
        """Add a job due at that time."""

    async def next_due(self) -> datetime | None:
        """When the earliest job that is not taken falls due."""

    async def recover(self) -> int:
        """At start, give back the jobs that a dead process had taken.

        Every open incident without a job gets a `resume` job. Returns how many jobs there are.
        """


class Draft(Record):
    """An incident's message that a channel has yet to bring up to date.

    `version` counts the events it must show; `external_id` is the channel's message, once sent.
    """

    incident: str
    channel: str
    version: int
    loud: bool
    external_id: str | None
    tries: int


class Digest(Record):
    """One message of a channel that stands for many incidents.

    `version` counts its changes; `loud` asks for a sound now; `external_id` is the channel's
    message, once sent.
    """

    id: str
    channel: str
    opened_at: datetime
    version: int
    loud: bool
    external_id: str | None


class Gathered(Record):
    """What a digest has to say: its incidents by outcome or status, those that ask or need you.

    `asking` and `needing` hold at most `limit` of each; `belonging` counts the alerts that folded
    into any of them.
    """

    counts: dict[str, int]
    asking: list[Incident]
    needing: list[Incident]
    belonging: int


@runtime_checkable
class Digests(Protocol):
    """Durable messages that stand for many incidents each."""

    async def gather(self, drafts: Sequence[Draft]) -> None:
        """Let the channel's digest tell of these: they count as delivered, the digest as behind."""

    async def gathering(self, channel: str) -> bool:
        """Whether this channel has a digest that still grows."""

    async def digests(self, channel: str) -> list[Digest]:
        """Digests that are behind, or should ring now."""

    async def anything_left(self, channel: str) -> bool:
        """Whether one of this channel's digests has, now or later, something to say."""

    async def gathered(self, digest: Digest, *, limit: int) -> Gathered:
        """What it has to say now."""

    async def digest_out(self, digest: Digest, *, external_id: str) -> None:
        """This version of it is out."""

    async def hold_back(self, digest: Digest, *, until: datetime) -> None:
        """Not now."""


@runtime_checkable
class Outbox(Protocol):
    """Durable messages: one per incident and channel, rendered from the incident's events."""

    async def drafts(self, channel: str, *, limit: int) -> list[Draft]:
        """Messages behind their events and not held back now, oldest first."""

    async def delivered(self, draft: Draft, *, external_id: str) -> None:
        """This version is out."""

    async def postpone(self, draft: Draft, *, until: datetime, error: str) -> None:
        """Not now; the error is kept for `doctor` and the message."""

    async def rest(self, channel: str, *, until: datetime) -> None:
        """The channel asked for a pause: whoever speaks to it next has to know."""

    async def rests_until(self, channel: str) -> datetime | None:
        """The end of the last pause that it asked for."""


class TimelineEvent(Event):
    """An event with its place in the whole ledger."""

    seq: int


class Spending(Record):
    """What the model cost, calls under way included; days and months are UTC.

    `incidents` counts those in which it was asked, `by_day` the last 31 days (ISO dates).
    """

    incidents: int = 0
    total: Usage = Field(default_factory=Usage)
    today: Usage = Field(default_factory=Usage)
    month: Usage = Field(default_factory=Usage)
    by_day: dict[str, Usage] = Field(default_factory=dict)


class Stats(Record):
    """Counters for `/stats`."""

    incidents: int
    by_status: dict[str, int]
    by_outcome: dict[str, int]
    by_severity: dict[str, int]
    actions: dict[str, int]
    refused: dict[str, int]
    avg_resolution_s: float | None
    outbox_behind: int
    queue_depth: int
    paused: str
    unsorted: int = 0
    """Accepted alerts that no incident knows of yet."""
    set_aside: int = 0
    """Accepted deliveries that could not be sorted."""
    latched: dict[str, str] = Field(default_factory=dict)
    """By target key, the incident that told people that it is latched."""
    model: Spending = Field(default_factory=Spending)
    audit: Sealed = Field(default_factory=Sealed)


@runtime_checkable
class Reading(Protocol):
    """What people look at, and the few things they say."""

    async def incidents(
        self, *, limit: int, status: IncidentStatus | None = None
    ) -> list[Incident]:
        """Newest first."""

    async def timeline(self, incident: str, *, after: int = 0) -> list[TimelineEvent]:
        """The events of one incident with seq above `after`, oldest first."""

    async def story(self, incident: str) -> tuple[Incident, list[TimelineEvent]]:
        """One incident and all its events, of one moment."""

    async def changes(self, *, after: int, limit: int) -> list[tuple[str, TimelineEvent]]:
        """The events of all incidents with seq above `after`: for live views."""

    async def stats(self) -> Stats:
        """Counters over everything."""

    async def pending_approval(self, incident: str) -> Plain | None:
        """The open request of that incident: `{digest, expires_at, request}`."""

    async def decide(self, incident: str, approval: Approval) -> None:
        """Write a person's answer and wake the incident.

        Raises NotFound (no incident), Conflict (nobody asked, answered, expired, other digest).
        """

    async def pause(self, reason: str, *, by: str) -> None:
        """The kill switch: no action from now on."""

    async def resume(self, *, by: str) -> None:
        """Lift the kill switch."""

    async def paused(self) -> str:
        """The reason of the pause; empty when there is none."""


@runtime_checkable
class DesiredState(Protocol):
    """What the event subscription keeps for `Ledger.stop_story` and `Ledger.last_healthy`."""

    async def saw(self, events: Sequence[ContainerEvent]) -> None:
        """Keep these events; the same one again is no change."""

    async def well(self, facts: ContainerFacts) -> None:
        """Keep the facts of a container that is well now."""

    async def last_events(self) -> dict[str, datetime]:
        """By host, where to take up its stream again; an unknown host is absent."""
