"""What Prometheus' JSON means: samples, alerts, refusals, links. Not here: asking for it."""

import ast
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from domain.alert import Alert
from domain.errors import Permanent, Transient
from domain.metrics import Sample

MAX_EXPRESSION = 4096
"""Bytes of an alert's expression that are looked at; it comes from whoever posted the alert."""
MAX_SKEW_S = 60.0
"""By how much its clock and ours may differ before its answers say nothing about the present."""
_TOO_MANY, _SERVER_ERROR = 429, 500


def fingerprint(labels: Mapping[str, str]) -> str:
    """Alertmanager's fingerprint of a label set: FNV-1a, 64 bits, names and values by 0xFF.

    Source: checked against 21 recorded webhook alerts (tests/data/webhook).
    """
    digest = 14695981039346656037
    for name in sorted(labels):
        for byte in name.encode() + b"\xff" + labels[name].encode() + b"\xff":
            digest = ((digest ^ byte) * 1099511628211) % 2**64
    return f"{digest:016x}"


def expression_of(generator_url: str) -> str:
    """The expression that a rule's link carries, or nothing. Its host is ignored."""
    if len(generator_url) > 4 * MAX_EXPRESSION:  # cut short it would be another expression
        return ""
    try:
        fields = parse_qs(urlsplit(generator_url).query, max_num_fields=32)
    except ValueError:
        return ""
    return fields.get("g0.expr", [""])[0]


def samples(found: Any) -> list[Sample]:
    """Parse a vector, a matrix or a scalar. Raises Permanent for anything else."""
    try:
        if found and not isinstance(found[0], dict):
            return [_sample({}, found)]
        return [
            _sample(series["metric"], point)
            for series in found
            for point in series.get("values", [series.get("value")])
        ]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise Permanent("Prometheus answered with something that is not samples") from error


def refuse_other_clock(found: Sequence[Sample], *, now: float) -> None:
    """Raise Transient where Prometheus evaluated at a time that is not ours: nothing is fresh then.

    The newest time counts: a range in an instant query holds older ones.
    """
    newest = max((one.at.timestamp() for one in found), default=now)
    if abs(newest - now) > MAX_SKEW_S:
        way = "ahead of" if newest > now else "behind"
        raise Transient(f"Prometheus' clock is {abs(newest - now):.0f} s {way} ours")


def _sample(labels: dict[str, str], point: Sequence[Any]) -> Sample:
    return Sample(labels=labels, value=float(point[1]), at=moment(float(point[0])))


def moment(stamp: float) -> datetime:
    """A Unix time in seconds as an aware time in UTC."""
    return datetime.fromtimestamp(stamp, UTC)


def alert(one: Mapping[str, Any]) -> Alert:
    """One item of /api/v1/alerts. Raises KeyError, ValueError where it is none."""
    return Alert(
        fingerprint=fingerprint(one["labels"]),
        status="firing",
        labels=one["labels"],
        annotations=one.get("annotations", {}),
        starts_at=one["activeAt"],
    )


def refusal(text: str) -> Transient | Permanent:
    """What a status other than 200 means. The client tells it only inside its message."""
    status = re.search(r"HTTP Status Code (\d+)", text)
    code = int(status.group(1)) if status else 0
    if code == _TOO_MANY or code >= _SERVER_ERROR:
        return Transient(f"Prometheus cannot answer now (HTTP {code}): {_reason(text)!r}")
    return Permanent(f"Prometheus refused the query (HTTP {code}): {_reason(text)!r}")


def _reason(text: str) -> str:
    """The `error` field of the body that the client's message repeats, else the message."""
    body = re.search(r"\((b['\"].*)\)$", text, re.DOTALL)
    try:
        told = json.loads(ast.literal_eval(body.group(1)))["error"] if body else text
    except (ValueError, SyntaxError, KeyError, TypeError):
        told = text
    return re.sub(r"\s+", " ", str(told))[:300]
