"""Intents, what came of them and who holds a target. Not here: storage or the decision itself."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from domain.guests import Facts
from domain.plain import Record
from domain.remedy import Effect, RemedyName


class Claimed(Record):
    """The targets are this incident's; `fence` grows with every claim ever made."""

    kind: Literal["claimed"] = "claimed"
    fence: int


class HeldBy(Record):
    """Another incident is at work on this target."""

    kind: Literal["held"] = "held"
    incident: str
    target_key: str


class Intent(Record):
    """The promise to do one effect once. `key` = incident / attempt / position of the effect.

    `seen` are the facts observed just before; after a crash they tell whether it took place.
    """

    key: str
    incident: str
    attempt: int
    position: int
    remedy: RemedyName
    effect: Effect
    fence: int
    thread: str
    seen: Facts
    at: datetime


class EffectResult(Record):
    """What came of an intent. `unknown`: it cannot be told, and it is not tried again."""

    result: Literal["done", "refused", "failed", "unknown"]
    detail: str
    at: datetime
    settled: bool = False


class Entry(Record):
    """An intent with its result, or without one: then a crash lies between.

    From `called_at` the call is out, or about to be; without a result nobody knows what came of it.
    """

    intent: Intent
    called_at: datetime | None = None
    result: EffectResult | None = None


class Sealed(Record):
    """The journal's length and the hash that seals all of it; empty without a line."""

    lines: int = 0
    head: str = ""


class PastAttempt(Record):
    """One remedy on one target in the window that cool-downs look at."""

    incident: str
    target_key: str
    remedy: RemedyName
    at: datetime
    verdict: Literal["healed", "not_healed", "unknown", "pending", "came_back"]


class Latch(Record):
    """A target that came back too often: nothing is done to it until a person or quiet says so.

    `incident` told people of it; `cycles` counts how often it was found broken since.
    """

    target_key: str
    incident: str
    reason: str
    since: datetime
    seen_at: datetime
    cycles: int = 0


class Standing(Record):
    """All that policy must know of the past and present, read in one transaction.

    `recent` covers the cool-down window, `actions_last_hour` all targets, `acting` the targets
    that have an intent without an outcome now. `cleared_at` is when Alertmanager said
    resolved, if it did since the incident opened. `holds_claim` is true for the current fence only.
    `latched` says why nothing more is done to one of the targets; empty where nothing is latched.
    """

    paused: str = ""
    cleared_at: datetime | None = None
    holds_claim: bool = True
    recent: list[PastAttempt] = Field(default_factory=list)
    actions_last_hour: int = 0
    acting: list[str] = Field(default_factory=list)
    approved_digest: str = ""
    latched: str = ""
