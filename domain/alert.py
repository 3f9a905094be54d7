"""An alert as Alertmanager tells it. Not here: how its target is found, or HTTP."""

import re
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid5

from pydantic import Field

from domain.plain import Record

NAMESPACE = UUID("6f0a1f6e-8f3e-5d0a-9d5b-2f1c6f9a7b11")
Severity = Literal["critical", "warning", "info"]
AlertStatus = Literal["firing", "resolved"]
AlertSource = Literal["alertmanager", "check"]


class Alert(Record):
    """One alert of one delivery; `fingerprint` and `starts_at` name its episode.

    Source: Alertmanager's webhook configuration page, payload version 4.
    """

    fingerprint: str = Field(min_length=1)
    status: AlertStatus
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    starts_at: datetime
    ends_at: datetime | None = None
    generator_url: str = ""
    source: AlertSource = "alertmanager"

    @property
    def name(self) -> str:
        """The rule's name."""
        return self.labels.get("alertname", "unnamed")

    @property
    def severity(self) -> Severity:
        """The label of that name, folded to three grades; unknown words count as warning."""
        word = self.labels.get("severity", "").lower()
        if word in {"critical", "page", "error", "emergency", "high"}:
            return "critical"
        return "info" if word in {"info", "information", "none", "low"} else "warning"

    @property
    def summary(self) -> str:
        """What the rule's author wrote for people, or the name."""
        return self.annotations.get("summary") or self.annotations.get("description") or self.name

    @property
    def words(self) -> str:
        """The name with its camel case split: `ContainerDown` reads `Container Down`."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", self.name)

    def incident_id(self, *, tenant: str, occurrence: int) -> str:
        """The incident that this episode's n-th occurrence is, the same on every delivery."""
        episode = f"{tenant}|{self.fingerprint}|{self.starts_at.isoformat()}"
        return str(uuid5(NAMESPACE, episode if occurrence == 1 else f"{episode}|{occurrence}"))
