"""How the service is, in words and numbers."""

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from domain.errors import Transient


def test_health_says_who_it_is(client: TestClient) -> None:
    """Status, service and version, always."""
    assert client.get("/health").json().keys() == {"status", "service", "version"}
    assert client.get("/health").json()["service"] == "nightshift"


def test_ready_turns_503_when_something_needed_is_gone(client: TestClient, service: Any) -> None:
    """A load balancer sees it, a person reads why."""
    well = client.get("/ready")
    service.ready = False
    ill = client.get("/ready")

    assert (well.status_code, ill.status_code) == (200, 503)
    assert ill.json()["degraded"] == {"docker": "no answer"}


def test_stats_are_the_ledgers(client: TestClient) -> None:
    """Counters over all incidents."""
    assert client.get("/stats").json()["by_outcome"] == {"resolved": 2}


def test_metrics_are_in_prometheus_format(client: TestClient) -> None:
    """Counters of the ledger and of this process, each family once."""
    families = list(text_string_to_metric_families(client.get("/metrics").text))

    names = [family.name for family in families]
    samples = {(s.name, *s.labels.values()): s.value for f in families for s in f.samples}
    assert len(names) == len(set(names))
    assert samples["nightshift_actions_total", "restart"] == 3
    assert samples["nightshift_queue_depth",] == 7
    assert samples["nightshift_paused",] == 0


def test_a_silent_ledger_does_not_silence_the_metrics(
    client: TestClient, service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is degraded is told just then."""

    async def full() -> None:
        raise Transient("the store did not do it: database or disk is full")

    monkeypatch.setattr(service.store, "stats", full)
    service.ready = False
    answer = client.get("/metrics")

    assert answer.status_code == 200
    assert 'nightshift_degraded{component="docker"} 1.0' in answer.text


def test_a_check_can_be_asked_for(client: TestClient) -> None:
    """The answer says what was looked at and raised."""
    answer = client.post("/trigger-health-check").json()

    assert (answer["status"], answer["raised"], answer["looked_at"]) == ("checked", ["x"], 5)
