"""The graph's channels: plain values only; bulky evidence is in the ledger, here are its ids."""

from typing_extensions import TypedDict

from domain.plain import Plain

GRAPH_VERSION = 1
"""Raise it when a channel changes meaning: older checkpoints then restart at monitor."""


class IncidentState(TypedDict, total=False):
    """What a checkpoint holds of one incident.

    Each `Plain` is the `plain()` of the record named beside it; times are ISO 8601 strings.
    """

    graph_version: int
    incident: str
    alert: Plain  # domain.alert.Alert
    severity: str
    target: Plain | None  # domain.target.Target
    evidence: list[str]  # evidence ids, oldest first
    round: int  # how often evidence was gathered
    fence: int
    parent: str | None  # the incident this one folded into
    history: Plain  # domain.incident.Recall
    diagnosis: Plain | None  # domain.diagnosis.Diagnosis
    remedy: Plain | None  # domain.remedy.Remedy
    decision: Plain | None  # domain.decision
    attempts: list[Plain]  # domain.incident.Attempt
    verdict: Plain | None  # domain.verdict.Verdict
    wake_at: str | None  # do not go on before
    deadline: str | None  # verification, or patience for a turn, ends here
    outcome: str | None  # domain.incident.Outcome
    reason: str
    notified: bool
    stored: bool
