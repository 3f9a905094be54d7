"""An incident, its timeline and its end. Not here: storage."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from domain.alert import Alert
from domain.diagnosis import Diagnosis
from domain.plain import Plain, Record
from domain.remedy import RemedyName
from domain.target import Target
from domain.verdict import Verdict

Outcome = Literal[
    "resolved", "self_resolved", "folded", "escalated", "denied", "observed", "failed"
]
IncidentStatus = Literal["open", "waiting", "done"]
EventKind = Literal[
    "received",
    "node",
    "evidence",
    "claimed",
    "folded",
    "reopened",
    "history",
    "model",
    "diagnosis",
    "policy",
    "approval_requested",
    "approval_decided",
    "intent",
    "effect",
    "verdict",
    "resolved_upstream",
    "outcome",
    "learned",
    "latched",
    "reminded",
    "error",
]


class Event(Record):
    """One line of an incident's story; timeline, live view and messages are made of these."""

    kind: EventKind
    at: datetime
    text: str
    data: Plain = Field(default_factory=dict)


class Attempt(Record):
    """One remedy tried. `result` is what the act returned, `verdict` what it did.

    `target` is the patient, `touched` the names of what was acted on.
    """

    number: int
    remedy: RemedyName
    target: Target
    touched: list[str] = Field(default_factory=list)
    result: Literal["done", "refused", "failed", "unknown"]
    detail: str
    started_at: datetime
    finished_at: datetime
    verdict: Literal["healed", "not_healed", "unknown", "pending"] = "pending"


class Usage(Record):
    """What the incident cost at the model."""

    model_calls: int = Field(default=0, ge=0)
    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)
    dollars: float = Field(default=0.0, ge=0)


class Incident(Record):
    """The ledger's row. `parent` is the incident it folded into; times in UTC."""

    id: str
    alert: Alert
    occurrence: int
    status: IncidentStatus
    outcome: Outcome | None = None
    reason: str = ""
    opened_at: datetime
    closed_at: datetime | None = None
    cleared_at: datetime | None = None
    target: Target | None = None
    diagnosis: Diagnosis | None = None
    attempts: list[Attempt] = Field(default_factory=list)
    verdict: Verdict | None = None
    parent: str | None = None
    usage: Usage = Field(default_factory=Usage)


class Episode(Record):
    """What is learned from a finished incident. Only verified outcomes teach.

    `pattern` fields: alert name, service, kind, cause. `healed_by` is the remedy that verifiably
    healed; `failed` those that verifiably did not. Times in seconds.
    """

    incident: str
    alert_name: str
    service: str
    kind: str
    cause: str
    severity: str
    symptom: str
    root_cause: str
    remediation_taken: str
    outcome: Outcome
    healed_by: RemedyName | None
    failed: list[RemedyName]
    resolution_time: float
    at: datetime


class PastIncident(Record):
    """An episode like the present one; `score` in 0..1 means the same on every backend."""

    score: float
    episode: Episode


class Recall(Record):
    """What memory had to say; `exact` are the same alert on the same service, from the ledger.

    `degraded` names why `similar` may be incomplete; empty when it is not.
    """

    similar: list[PastIncident] = Field(default_factory=list)
    exact: list[Episode] = Field(default_factory=list)
    degraded: str = ""
