"""An alert as Alertmanager would post it, for scenarios and measurements that post their own.

Shape: version 4 of Alertmanager's webhook payload. Not here: Alertmanager.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from lab.containers import Fleet
from lab.scenario import PostedAlert
from nightshift.alertmanager import read_delivery

_UNSET = "0001-01-01T00:00:00Z"


def payload(
    alert: PostedAlert, fleet: Fleet | None = None, *, prometheus: str = ""
) -> dict[str, object]:
    """The body of a post with this one alert; its episode begins now."""
    names = {name: placed.container for name, placed in fleet.placed.items()} if fleet else {}
    labels = {key: _named(value, names) for key, value in alert.labels.items()}
    texts = {key: _named(value, names) for key, value in alert.annotations.items()}
    one = {
        "status": alert.status,
        "labels": labels,
        "annotations": texts,
        "startsAt": _now(),
        "endsAt": _now() if alert.status == "resolved" else _UNSET,
        "generatorURL": _generator(prometheus, alert.expr),
        "fingerprint": _fingerprint(labels),
    }
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{labels.get("alertname", "")}"}}',
        "truncatedAlerts": 0,
        "status": alert.status,
        "receiver": "nightshift",
        "groupLabels": {"alertname": labels.get("alertname", "")},
        "commonLabels": labels,
        "commonAnnotations": texts,
        "externalURL": "http://127.0.0.1/",
        "alerts": [one],
    }


def first_incidents(body: Mapping[str, Any], *, tenant: str = "default") -> list[str]:
    """The incidents that this post opens, if no alert of it was ever posted before."""
    alerts = read_delivery(dict(body), received_at=datetime.now(UTC)).alerts
    return [alert.incident_id(tenant=tenant, occurrence=1) for alert in alerts]


def _named(text: str, names: dict[str, str]) -> str:
    for service, container in names.items():
        text = text.replace("{" + service + "}", container)
    return text


def _generator(prometheus: str, expr: str) -> str:
    query = urlencode({"g0.expr": expr, "g0.tab": "1"})
    return f"{prometheus or 'http://127.0.0.1:9090'}/graph?{query}" if expr else ""


def _fingerprint(labels: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(labels, sort_keys=True).encode()).hexdigest()[:16]


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
