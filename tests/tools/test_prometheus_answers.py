"""Recorded answers of the real Prometheus and Alertmanager, parsed."""

import json
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Permanent, Transient
from tools.prometheus_answers import alert, expression_of, fingerprint, refusal, samples


def recorded(data: Path, name: str) -> Any:
    """One recording."""
    return json.loads((data / name).read_text())


@pytest.mark.parametrize("name", ["query_up", "query_mem", "query_range", "query_scalar"])
def test_recorded_results_are_samples(data: Path, name: str) -> None:
    """Vectors, matrices and scalars all parse, with aware times."""
    found = samples(recorded(data, f"prometheus/{name}.json")["data"]["result"])

    assert found
    assert all(one.at.tzinfo is not None for one in found)


def test_an_empty_result_is_no_samples(data: Path) -> None:
    """No data is not an error."""
    assert samples(recorded(data, "prometheus/query_empty.json")["data"]["result"]) == []


def test_fingerprints_are_alertmanagers(data: Path) -> None:
    """Every recorded webhook alert has the fingerprint that we compute."""
    bodies = [json.loads(path.read_text()) for path in (data / "webhook").glob("*.json")]
    alerts = [one for body in bodies for one in body["alerts"]]

    assert [fingerprint(one["labels"]) for one in alerts] == [one["fingerprint"] for one in alerts]


def test_recorded_alerts_are_alerts(data: Path) -> None:
    """Nanoseconds and all."""
    found = [alert(one) for one in recorded(data, "prometheus/alerts.json")["data"]["alerts"]]

    assert found[0].name == "ContainerKilled"
    assert found[0].fingerprint == fingerprint(found[0].labels)


@pytest.mark.parametrize(
    ("url", "expression"),
    [
        ("http://h/graph?g0.expr=up+%3D%3D+0&g0.tab=1", "up == 0"),
        ("http://h/graph?g0.tab=1", ""),
        ("", ""),
        ("http://[", ""),
        ("http://h/graph?" + "a=1&" * 100 + "g0.expr=up", ""),
        ("http://h/graph?g0.expr=" + "u" * 20_000, ""),
    ],
)
def test_the_link_carries_the_expression(url: str, expression: str) -> None:
    """Whatever the link's host, and nothing from a malformed one."""
    assert expression_of(url) == expression


@pytest.mark.parametrize(
    ("name", "kind"), [("error_bad_query", Permanent), ("error_timeout", Transient)]
)
def test_recorded_errors_keep_prometheus_own_words(
    data: Path, name: str, kind: type[Exception]
) -> None:
    """The reason is read out of the client's message."""
    error = recorded(data, f"prometheus/{name}.json")
    body = json.dumps(error["body"]).encode()

    told = refusal(f"HTTP Status Code {error['status']} ({body!r})")

    assert isinstance(told, kind)
    assert error["body"]["error"] in str(told).replace("\\'", "'")


def test_an_error_without_a_body_is_quoted() -> None:
    """A proxy's page is shortened to one line."""
    assert str(refusal("HTTP Status Code 404 (b'<html>\\n gone')")).count("\n") == 0
