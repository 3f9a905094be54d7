"""What the crash bench counts: containers that broke, their alerts, what became of them."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lab.crash_plan import Patient

_ALERTS = {"hung": "ContainerUnhealthy", "crash": "ContainerDown"}


@dataclass(kw_only=True)
class Case:
    """A container that broke and its alert; `incident` once a server has answered 202.

    At its end: the calls that Docker was sent and the effects that took place, by verb (a no-op
    or a refusal is none), and the messages about it that stand in the chat.
    """

    name: str
    body: dict[str, Any]
    patient: Patient
    incident: str = ""
    outcome: str = ""
    lost: bool = False
    calls: Counter[str] = field(default_factory=Counter)
    effects: Counter[str] = field(default_factory=Counter)
    messages: int = 0


@dataclass(kw_only=True)
class Tally:
    """What a lane has seen. Seconds."""

    kills: Counter[str] = field(default_factory=Counter)
    cases: list[Case] = field(default_factory=list)
    resumed_s: list[float] = field(default_factory=list)
    recovered_s: list[float] = field(default_factory=list)


def delivery(name: str, patient: Patient) -> dict[str, Any]:
    """Alertmanager's post about one container."""
    labels = {"alertname": _ALERTS[patient.fault], "name": name, "severity": "critical"}
    alert = {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": f"{name} is broken"},
        "startsAt": datetime.now(UTC).isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": f"broken-{name}",
    }
    group = {"groupLabels": {}, "commonLabels": labels, "commonAnnotations": {}}
    head = {"version": "4", "groupKey": "{}", "status": "firing", "receiver": "nightshift"}
    return {**head, **group, "externalURL": "", "truncatedAlerts": 0, "alerts": [alert]}
