import json
from datetime import UTC, datetime

from domain.alert import Alert
from lab.alerting import payload
from lab.scenario import PostedAlert
from nightshift.alertmanager import read_delivery


def read(alert: PostedAlert) -> Alert:
    """The alert as the product reads it from what the lab posts."""
    body = json.loads(json.dumps(payload(alert)))
    return read_delivery(body, received_at=datetime.now(UTC)).alerts[0]


def test_what_the_lab_posts_reads_as_alertmanagers() -> None:
    """The product's own reader takes it, with the rule's expression in it."""
    alert = PostedAlert(labels={"alertname": "ContainerDown", "name": "web"}, expr="up == 0")

    found = read(alert)

    assert (found.name, found.status) == ("ContainerDown", "firing")
    assert "g0.expr=up+%3D%3D+0" in found.generator_url


def test_the_same_labels_have_the_same_fingerprint() -> None:
    """An episode is its labels and its beginning."""
    alert = PostedAlert(labels={"alertname": "ContainerDown", "name": "web"})

    first, second = read(alert), read(alert)

    assert first.fingerprint == second.fingerprint
    assert first.starts_at < second.starts_at
