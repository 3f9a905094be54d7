"""Alertmanager's wire format, over recordings of the real one."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.plain import Plain
from nightshift.alertmanager import (
    NotADelivery,
    active_query,
    fingerprint,
    read_active,
    read_delivery,
)

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
DATA = Path(__file__).parents[1] / "data"
DELIVERIES = sorted(DATA.glob("webhook/*.json")) + [
    path for path in sorted(DATA.glob("am_*.json")) if path.name != "am_http_headers.json"
]


@pytest.mark.parametrize("path", DELIVERIES, ids=lambda path: path.stem)
def test_every_recorded_delivery_is_read_whole(path: Path) -> None:
    """What the real Alertmanager sent is read, alert by alert, with each one's own status."""
    body = json.loads(path.read_text())

    delivery = read_delivery(body, received_at=NOW)

    assert delivery.broken == []
    assert [a.status for a in delivery.alerts] == [a["status"] for a in body["alerts"]]
    assert all(a.starts_at.tzinfo is UTC and a.starts_at < NOW for a in delivery.alerts)
    assert all((a.ends_at is None) == (a.status == "firing") for a in delivery.alerts)


@pytest.mark.parametrize("path", DELIVERIES, ids=lambda path: path.stem)
def test_our_fingerprint_is_alertmanagers(path: Path) -> None:
    """An alert that lost its fingerprint on the way keeps its identity."""
    body = json.loads(path.read_text())
    given = [entry.pop("fingerprint") for entry in body["alerts"]]

    delivery = read_delivery(body, received_at=NOW)

    assert [a.fingerprint for a in delivery.alerts] == given


def test_one_broken_alert_costs_only_itself() -> None:
    """The good alerts of a delivery are read whatever lies between them."""
    good: Plain = {"labels": {"alertname": "Up"}, "startsAt": "2026-11-23T05:00:00Z"}
    body: Plain = {"alerts": [good, {"labels": "none"}, 7, good | {"startsAt": "yesterday"}, good]}

    delivery = read_delivery(body, received_at=NOW)

    assert len(delivery.alerts) == 2
    assert [line.split(":")[0] for line in delivery.broken] == ["alert 2", "alert 3", "alert 4"]


@pytest.mark.parametrize("body", [None, [], "x", 5, {}, {"alerts": {}}, {"alerts": [1, "x"]}])
def test_what_is_no_delivery_is_refused(body: object) -> None:
    """JSON without one readable alert in a list is not mistaken for a delivery."""
    with pytest.raises(NotADelivery, match="alert"):
        read_delivery(body, received_at=NOW)  # type: ignore[arg-type]  # wrong on purpose


def test_a_delivery_without_alerts_is_one() -> None:
    """An empty group is nothing to do, not an error."""
    assert read_delivery({"alerts": []}, received_at=NOW).alerts == []


def test_times_are_utc_and_gos_zero_is_unset() -> None:
    """The same instant gives the same episode, however it is written."""
    entry: Plain = {"labels": {"alertname": "A"}, "endsAt": "0001-01-01T00:00:00Z"}
    texts = ["2026-11-23T05:00:00.863023539Z", "2026-11-23T07:00:00.863023+02:00"]
    body: Plain = {"alerts": [entry | {"startsAt": text} for text in texts]}

    one, two = read_delivery(body, received_at=NOW).alerts

    assert one.starts_at.isoformat() == two.starts_at.isoformat()
    assert one.ends_at is None


def test_an_alert_without_a_start_began_now() -> None:
    """A hand-made alert is taken."""
    entry: Plain = {"labels": {"alertname": "A", "port": 80}, "startsAt": "0001-01-01T00:00:00Z"}

    (alert,) = read_delivery({"alerts": [entry]}, received_at=NOW).alerts

    assert (alert.starts_at, alert.status, alert.labels["port"]) == (NOW, "firing", "80")


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"])
def test_a_time_that_utc_cannot_hold_is_unset(text: str) -> None:
    """The alert is real even where its clock is not."""
    entry: Plain = {"labels": {"alertname": "A"}, "status": "resolved"}

    (alert,) = read_delivery(
        {"alerts": [entry | {"startsAt": text, "endsAt": text}]}, received_at=NOW
    ).alerts

    assert (alert.starts_at, alert.ends_at) == (NOW, None)


def test_a_firing_alert_has_no_end() -> None:
    """Alertmanager's estimate of when it will forget the alert is no end."""
    entry: Plain = {
        "labels": {"alertname": "A"},
        "endsAt": (NOW + timedelta(minutes=4)).isoformat(),
    }

    (alert,) = read_delivery({"alerts": [entry]}, received_at=NOW).alerts

    assert alert.ends_at is None


def test_unknown_fields_are_ignored() -> None:
    """Newer Alertmanagers add fields."""
    entry: Plain = {"labels": {"alertname": "A"}, "notification_reason": {"x": 1}}
    body: Plain = {"alerts": [entry], "routeLabels": {}, "version": "4"}

    delivery = read_delivery(body, received_at=NOW)

    assert len(delivery.alerts) == 1


@pytest.mark.parametrize(
    "field", ["annotations", "generatorURL", "fingerprint", "status", "endsAt"]
)
def test_a_null_field_is_an_absent_one(field: str) -> None:
    """Senders in other languages write null where Alertmanager writes nothing."""
    entry: Plain = {"labels": {"alertname": "A"}, field: None}

    delivery = read_delivery({"alerts": [entry]}, received_at=NOW)

    assert (len(delivery.alerts), delivery.broken) == (1, [])


@pytest.mark.parametrize("version", ["4", 4, None])
def test_our_version_or_none_is_taken(version: object) -> None:
    """Something else than Alertmanager need not know the version."""
    body: Plain = {"alerts": [], "version": version}  # type: ignore[dict-item]  # any JSON

    assert read_delivery(body, received_at=NOW).alerts == []


def test_active_alerts_are_firing_ones() -> None:
    """The API's answer is read like a delivery, with the identities of the webhook."""
    body = json.loads((DATA / "alertmanager" / "alerts.json").read_text())
    body.append(body[0] | {"status": {"state": "suppressed"}})

    alerts = read_active(body, received_at=NOW).alerts

    assert len(alerts) == len(body) - 1
    assert alerts[0].fingerprint == fingerprint(alerts[0].labels)
    assert {a.status for a in alerts} == {"firing"}


def test_the_rest_of_a_group_is_asked_for_by_its_labels() -> None:
    """Quotes in a label value stay inside the matcher."""
    body: Plain = {"alerts": [], "groupLabels": {"alertname": 'a"b'}, "truncatedAlerts": 2}

    delivery = read_delivery(body, received_at=NOW)

    assert (delivery.truncated, active_query(delivery)["filter"]) == (2, ['alertname="a\\"b"'])
