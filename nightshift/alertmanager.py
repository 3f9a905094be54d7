"""Alertmanager's wire format: webhook version 4 and `/api/v2/alerts`. Not here: HTTP, storage.

Source: Alertmanager's webhook configuration and its OpenAPI file; `tests/data/webhook`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)

from domain.alert import Alert, AlertStatus
from domain.plain import Plain

VERSION = "4"
"""The only version of the webhook that there has been since Alertmanager 0.6."""
FNV_OFFSET, FNV_PRIME, SEPARATOR = 0xCBF29CE484222325, 0x100000001B3, b"\xff"


class NotADelivery(Exception):
    """The body is JSON, but nothing that Alertmanager would send."""


class WireAlert(BaseModel):
    """One alert as it is written on the wire; unknown fields are ignored, null ones are absent.

    `fingerprint` and `startsAt` may be missing where something else than Alertmanager posts.
    """

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    status: AlertStatus = "firing"
    labels: dict[str, str]
    annotations: dict[str, str] = Field(default_factory=dict)
    startsAt: datetime | None = None  # the wire's spelling
    endsAt: datetime | None = None  # the wire's spelling
    generatorURL: str = ""  # the wire's spelling
    fingerprint: str = ""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, entry: JsonValue) -> JsonValue:
        if not isinstance(entry, dict):
            return entry
        return {key: value for key, value in entry.items() if value is not None}

    def alert(self, *, received_at: datetime) -> Alert:
        """The domain's alert; an alert without a start began when it was received."""
        return Alert(
            fingerprint=self.fingerprint or fingerprint(self.labels),
            status=self.status,
            labels=self.labels,
            annotations=self.annotations,
            starts_at=_set(self.startsAt) or received_at,
            ends_at=_set(self.endsAt) if self.status == "resolved" else None,
            generator_url=self.generatorURL,
        )


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One POST: the alerts that could be read, and a sentence on each that could not.

    `truncated` alerts were left out by the sender; `group_labels` and `receiver` say where
    to ask for them.
    """

    alerts: list[Alert]
    broken: list[str] = field(default_factory=list)
    truncated: int = 0
    receiver: str = ""
    group_labels: dict[str, str] = field(default_factory=dict)


def fingerprint(labels: dict[str, str]) -> str:
    """Alertmanager's own: FNV-1a (64 bits) over the sorted labels, so that identities agree.

    Source: prometheus/common, `labelSetToFingerprint`; held by the recordings.
    """
    value = FNV_OFFSET
    for name in sorted(labels):
        for byte in name.encode() + SEPARATOR + labels[name].encode() + SEPARATOR:
            value = ((value ^ byte) * FNV_PRIME) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def read_delivery(body: JsonValue, *, received_at: datetime) -> Delivery:
    """Parse a webhook body.

    A broken alert costs only itself. Raises NotADelivery when there is no list of alerts, not
    one of them can be read, or the body names another version than ours.
    """
    entries = body.get("alerts") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(entries, list):
        raise NotADelivery("this is no Alertmanager webhook: it has no list named 'alerts'")
    version = body.get("version")
    if version is not None and str(version) != VERSION:
        raise NotADelivery(
            f"this is version {str(version)[:20]!r} of Alertmanager's webhook; "
            f"only version {VERSION} is understood"
        )
    alerts, broken = _read_alerts(entries, received_at)
    if broken and not alerts:
        raise NotADelivery(f"none of the alerts can be read: {broken[0]}")
    return Delivery(
        alerts=alerts,
        broken=broken,
        truncated=_count(body.get("truncatedAlerts")),
        receiver=str(body.get("receiver") or ""),
        group_labels=_labels(body.get("groupLabels")),
    )


def read_active(body: JsonValue, *, received_at: datetime) -> Delivery:
    """Parse an answer of `/api/v2/alerts`: what is active there is firing.

    Raises NotADelivery when it is no list.
    """
    if not isinstance(body, list):
        raise NotADelivery("Alertmanager's answer to /api/v2/alerts is no list")
    firing: list[JsonValue] = [
        {**entry, "status": "firing"}
        for entry in body
        if isinstance(entry, dict) and _state(entry) == "active"
    ]
    alerts, broken = _read_alerts(firing, received_at)
    return Delivery(alerts=alerts, broken=broken)


def active_query(delivery: Delivery) -> dict[str, str | list[str]]:
    """The parameters that ask `/api/v2/alerts` for the whole group of this delivery."""
    matchers = [
        f"{name}={json.dumps(value, ensure_ascii=False)}"
        for name, value in delivery.group_labels.items()
    ]
    return {"active": "true", "silenced": "false", "inhibited": "false", "filter": matchers}


def _read_alerts(
    entries: Sequence[JsonValue], received_at: datetime
) -> tuple[list[Alert], list[str]]:
    alerts, broken = [], []
    for number, entry in enumerate(entries, start=1):
        try:
            alerts.append(WireAlert.model_validate(entry).alert(received_at=received_at))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the alert"
            broken.append(f"alert {number}: {where}: {first['msg']}")
    return alerts, broken


def _set(moment: datetime | None) -> datetime | None:
    """In UTC; Go's zero time (year 1) means unset, as does a time past year 9999 there."""
    if moment is None or moment.year <= 1:
        return None
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return None


def _state(entry: Plain) -> str:
    status = entry.get("status")
    return str(status.get("state", "")) if isinstance(status, dict) else ""


def _count(value: JsonValue) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _labels(value: JsonValue) -> dict[str, str]:
    return {k: str(v) for k, v in value.items()} if isinstance(value, dict) else {}
