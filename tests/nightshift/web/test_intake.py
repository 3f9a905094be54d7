"""POST /alert."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from nightshift.alertmanager import Delivery
from nightshift.metrics import Meters
from nightshift.web import intake
from nightshift.web.auth import Credentials
from nightshift.web.shedding import Gate
from server import create_app

GOOD = {"labels": {"alertname": "Up"}, "startsAt": "2026-11-23T05:00:00Z", "fingerprint": "f"}


def test_a_delivery_is_stored_and_answered_with_its_incidents(
    client: TestClient, books: Any, data: Path
) -> None:
    """202 names the incidents that the alerts belong to."""
    body = (data / "am_grouped_firing.json").read_text()

    answer = client.post("/alert", content=body)

    assert answer.status_code == 202
    assert answer.json() == {"status": "accepted", "incidents": list(books.rows)}
    assert len(books.accepted) == len(json.loads(body)["alerts"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b"[1]", 422),
        (b'{"a": 1}', 422),
        (b'{"alerts": [{"labels": 1}]}', 422),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(
    client: TestClient, books: Any, body: bytes, status: int
) -> None:
    """Not JSON is 400, JSON that is no delivery is 422, and nothing is stored."""
    answer = client.post("/alert", content=body)

    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert books.accepted == []


def test_a_body_that_lies_about_its_size_is_cut_off(client: TestClient) -> None:
    """Bytes are counted while they come in; chunked bodies have no length at all."""

    def chunks() -> Iterator[bytes]:
        for _ in range(20):
            yield b" " * 100_000

    answer = client.post("/alert", content=chunks())

    assert answer.status_code == 413
    assert "1048576 bytes" in answer.json()["error"]


def test_a_refused_delivery_is_counted(client: TestClient) -> None:
    """A delivery that is lost shows in the metrics."""
    client.post("/alert", content=b" " * (intake.MAX_BODY + 1))

    text = client.get("/metrics").text

    assert 'nightshift_deliveries_refused_total{reason="status 413"} 1.0' in text


def test_people_hear_of_a_delivery_that_was_too_large(client: TestClient, service: Any) -> None:
    """Alertmanager gives up on a 4xx: the alerts in it would be lost in silence."""
    client.post("/alert", content=b" " * (intake.MAX_BODY + 1))

    assert "max_alerts" in service.lost[0]


def test_what_cannot_be_stored_is_not_acknowledged(client: TestClient, books: Any) -> None:
    """503 makes Alertmanager post again."""
    books.broken = True

    answer = client.post("/alert", json={"alerts": [GOOD]})

    assert answer.status_code == 503
    assert answer.json() == {"error": "the database does not answer"}


def test_a_broken_alert_does_not_take_the_good_ones_with_it(client: TestClient, books: Any) -> None:
    """The readable alerts of a delivery are accepted."""
    answer = client.post("/alert", json={"alerts": [GOOD, {"labels": None}]})

    assert answer.status_code == 202
    assert [a.name for a in books.accepted] == ["Up"]


async def test_the_rest_of_a_truncated_group_is_fetched(
    service: Any, data: Path, httpserver: Any
) -> None:
    """Alerts that Alertmanager left out are asked for and accepted, once."""
    active = json.loads((data / "alertmanager" / "alerts.json").read_text())
    httpserver.expect_request("/am/api/v2/alerts").respond_with_json(active)
    service.settings = service.settings.model_copy(
        update={"alertmanager_url": httpserver.url_for("/am/")}
    )
    group = Delivery(alerts=[], truncated=3, group_labels={"alertname": "X"})

    ids = await intake.fetch_rest(service, group)

    assert len(ids) == len(service.store.accepted) == len(active)
    assert httpserver.log[0][0].args["filter"] == 'alertname="X"'


async def test_an_alertmanager_out_of_reach_is_tried_again(
    service: Any, httpserver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One failure does not lose the rest of a group; giving up raises nothing."""
    httpserver.expect_ordered_request("/api/v2/alerts").respond_with_data("no", status=502)
    httpserver.expect_ordered_request("/api/v2/alerts").respond_with_data("<html>")
    httpserver.expect_ordered_request("/api/v2/alerts").respond_with_json({"no": "list"})
    monkeypatch.setattr(intake, "FETCH_PAUSES_S", (0.0, 0.0, 0.0))
    service.settings = service.settings.model_copy(
        update={"alertmanager_url": httpserver.url_for("")}
    )

    ids = await intake.fetch_rest(service, Delivery(alerts=[], truncated=1))

    assert (ids, len(httpserver.log)) == ([], 3)


async def test_a_truncated_delivery_is_answered_before_the_rest_is_fetched(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alertmanager's patience is ten seconds; the fetch runs after the answer."""
    order: list[str] = []

    async def fetch(*_: object) -> list[str]:
        order.append("fetched")
        return []

    monkeypatch.setattr(intake, "fetch_rest", fetch)
    sent = await _post(service, {"alerts": [GOOD], "truncatedAlerts": 1}, order)

    assert (sent, order) == (202, ["answered", "fetched"])


async def test_more_than_may_wait_is_not_taken(service: Any) -> None:
    """503 before a byte of it is read, and nothing stored: it comes again."""
    gate, order = Gate(1), list[str]()
    with gate.passing():
        refused = await _post(service, {"alerts": [GOOD]}, order, gate)
    kept = list(service.store.accepted)
    taken = await _post(service, {"alerts": [GOOD]}, order, gate)

    assert (refused, kept, taken) == (503, [], 202)


async def _post(
    service: Any, body: dict[str, Any], order: list[str], gate: Gate | None = None
) -> int:
    """Post at the ASGI level, noting when the answer is complete."""
    status = 0

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            order.append("answered")

    async def receive() -> Any:
        return {"type": "http.request", "body": json.dumps(body).encode()}

    state = {
        "service": service,
        "meters": Meters(),
        "gate": gate or Gate(9),
        "credentials": Credentials(),
    }
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/alert",
        "headers": [],
        "state": state,
    }
    scope |= {"query_string": b"", "server": ("127.0.0.1", 5000), "client": ("127.0.0.1", 1)}
    async with asyncio.timeout(5):
        await create_app()(scope, receive, send)
    return status
