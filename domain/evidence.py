"""What was observed, by which query, when. Not here: conclusions."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from domain.plain import Plain, Record

Source = Literal[
    "alert", "alertmanager", "docker", "prometheus", "ledger", "memory", "proxmox", "custom"
]
Status = Literal["ok", "no_data", "stale", "error"]


class Evidence(Record):
    """One observation. `kind` names it for runbooks: CEL sees `data` under that name.

    `id` is `<kind>@<round>`, unique in its incident; `query` is the exact request made.
    """

    id: str
    kind: str
    source: Source
    status: Status
    query: str
    at: datetime
    summary: str
    data: Plain = Field(default_factory=dict)


Situation = dict[str, Plain]


def situation(evidence: list[Evidence]) -> Situation:
    """The latest usable observation of each kind: what runbook conditions are evaluated over."""
    ordered = sorted(evidence, key=lambda item: item.at)
    return {item.kind: item.data for item in ordered if item.status == "ok"}
