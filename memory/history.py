"""Past incidents as people and models read them. Not here: finding them.

Everything here was once an alert or a log line: each value becomes one bounded line, and what
could end a code span or start markup of its own is taken out.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from domain.incident import Outcome, PastIncident
from domain.plain import Record

CHARS = 300


class SimilarIncident(Record):
    """A past incident and how like it is: as attributes, or by name as in a dict.

    `score` is 0..1, `resolution_time` in seconds; `failed` names the remedies that verifiably
    did not work, `healed_by` the one that did (None: nobody checked, or it did not heal).
    """

    incident: str
    alert_name: str
    service: str
    severity: str
    score: float
    root_cause: str
    remediation_taken: str
    resolution_time: float
    outcome: Outcome
    healed_by: str | None
    failed: list[str]
    timestamp: str

    def __getitem__(self, name: str) -> Any:
        """The field of that name. Raises KeyError."""
        if name not in type(self).model_fields:
            raise KeyError(name)
        return getattr(self, name)

    def get(self, name: str, default: Any = None) -> Any:
        """The field of that name, or the default."""
        return getattr(self, name) if name in type(self).model_fields else default

    def keys(self) -> list[str]:
        """The names of the fields, so that `dict(incident)` and `**incident` work."""
        return list(type(self).model_fields)

    @classmethod
    def of(cls, past: PastIncident) -> "SimilarIncident":
        """What memory found, flattened."""
        values = past.episode.plain() | {"timestamp": past.episode.at.isoformat()}
        return cls.model_validate(values | {"score": past.score})


def markdown(incidents: Sequence[SimilarIncident | Mapping[str, Any]]) -> str:
    """The incidents in the order given; what was tried in vain stands apart from what helped."""
    if not incidents:
        return "No similar past incidents."
    told = [_section(number, incident) for number, incident in enumerate(incidents, start=1)]
    vain = [
        f"- {_line(remedy)} ({_line(incident['alert_name'])})"
        for incident in incidents
        for remedy in incident.get("failed") or []
    ]
    parts = ["## Similar past incidents", *told]
    return "\n\n".join(parts + (["### Tried, did not work", "\n".join(vain)] if vain else []))


def _section(number: int, incident: SimilarIncident | Mapping[str, Any]) -> str:
    healed = incident.get("healed_by")
    checked = "verified" if healed else "not verified"
    lines = [
        f"### {number}. {_line(incident['alert_name'])} ({incident['score']:.0%} similar)",
        f"- Service: {_line(incident.get('service')) or 'unknown'}",
        f"- Root cause: {_line(incident['root_cause']) or 'unknown'}",
        f"- Outcome: {_line(incident.get('outcome')) or 'unknown'}",
    ]
    if healed or not incident.get("failed"):
        lines.append(f"- What helped: {_line(incident['remediation_taken'])} ({checked})")
    return "\n".join([*lines, f"- Took: {incident['resolution_time']:.0f} s"])


def _line(value: object) -> str:
    """One line of plain words, at most CHARS long."""
    text = " ".join(str(value or "").split())
    return re.sub(r"[`<>\[\]#*|]", "", text)[:CHARS]
