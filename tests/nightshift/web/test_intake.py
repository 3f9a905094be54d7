"""POST /alert."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from werkzeug import Request, Response

from domain.errors import NotStored, Transient
from nightshift.alertmanager import Delivery
from nightshift.metrics import Meters
from nightshift.web import intake
from nightshift.web.auth import Credentials
from nightshift.web.shedding import Gate
from server import create_app

GOOD = {"labels": {"alertname": "Up"}, "startsAt": "2026-11-23T05:00:00Z", "fingerprint": "f"}


def test_a_delivery_is_stored_and_answered_with_how_much_it_was(
    client: TestClient, books: Any, data: Path
) -> None:
    """202 counts the alerts: what incidents they belong to is known when they are sorted."""
    body = (data / "am_grouped_firing.json").read_text()

    answer = client.post("/alert", content=body)

    assert answer.status_code == 202
    assert answer.json() == {"status": "accepted", "alerts": len(books.accepted)}
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
        (b'{"version": "3", "alerts": [{"labels": {"alertname": "Up"}}]}', 422),
        (b'{"version": "", "alerts": []}', 422),
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

    ((kind, sentence),) = service.lost
    assert (kind, "max_alerts" in sentence) == ("too large", True)


def test_people_hear_of_an_alert_that_cannot_be_read(client: TestClient, service: Any) -> None:
    """202 for the good ones tells Alertmanager that all is well: it will not send it again."""
    answer = client.post("/alert", json={"alerts": [GOOD, {"labels": None}]})

    assert answer.status_code == 202
    assert service.lost == [
        (
            "unreadable",
            "1 of the 2 alerts of a delivery cannot be read: alert 2: labels: Field required",
        )
    ]


def test_people_hear_of_alerts_that_were_left_out(client: TestClient, service: Any) -> None:
    """Without Alertmanager's address nobody can fetch what max_alerts cut off."""
    answer = client.post("/alert", json={"alerts": [GOOD], "truncatedAlerts": 7})

    assert answer.status_code == 202
    ((kind, sentence),) = service.lost
    assert (kind, sentence.startswith("7 alerts"), "ALERTMANAGER_URL" in sentence) == (
        "left out",
        True,
        True,
    )


def test_what_people_cannot_be_told_is_not_acknowledged(client: TestClient, service: Any) -> None:
    """The sender comes again, and what was stored already is a repeat."""

    async def fails(*_: str) -> None:
        raise Transient("the store did not do it: database is locked")

    service.delivery_lost = fails

    answer = client.post("/alert", json={"alerts": [GOOD, {"labels": None}]})

    assert answer.status_code == 503


def test_what_cannot_be_stored_is_not_acknowledged(client: TestClient, books: Any) -> None:
    """503 makes Alertmanager post again."""
    books.broken = True

    answer = client.post("/alert", json={"alerts": [GOOD]})

    assert answer.status_code == 503
    assert answer.json() == {"error": "the database does not answer"}


def test_our_own_mistake_is_not_the_senders(
    client: TestClient, books: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alertmanager comes again after a 5xx, and gives up after a 4xx."""

    async def stumbles(*_: object) -> None:
        raise ValueError("nobody expected this")

    monkeypatch.setattr(books, "deliver", stumbles)

    assert client.post("/alert", json={"alerts": [GOOD]}).status_code == 500


@pytest.mark.parametrize("call", ["deliver", "delivery_lost"])
def test_a_store_that_hangs_is_answered_in_time(
    client: TestClient, service: Any, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Alertmanager gives up after ten seconds; the 503 that makes it come again is there before."""

    async def hangs(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(intake, "STORE_S", 0.05)
    setattr(service.store if call == "deliver" else service, call, hangs)

    answer = client.post("/alert", json={"alerts": [GOOD, {"labels": None}]})

    assert answer.status_code == 503
    assert "send it again" in answer.json()["error"]


def test_the_bound_leaves_alertmanager_time() -> None:
    """Its webhook timeout is ten seconds, with the way there and back."""
    assert 2 * intake.STORE_S <= 10


def test_a_broken_alert_does_not_take_the_good_ones_with_it(client: TestClient, books: Any) -> None:
    """The readable alerts of a delivery are accepted."""
    answer = client.post("/alert", json={"alerts": [GOOD, {"labels": None}]})

    assert answer.status_code == 202
    assert [a.name for a in books.accepted] == ["Up"]


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59Z", "yesterday"])
def test_a_start_beyond_the_calendar_does_not_lose_the_delivery(
    client: TestClient, books: Any, text: str
) -> None:
    """Whatever one alert says about time, the others are stored."""
    answer = client.post("/alert", json={"alerts": [GOOD | {"startsAt": text}, GOOD]})

    assert answer.status_code == 202
    assert books.accepted[-1].starts_at.isoformat() == "2026-11-23T05:00:00+00:00"


def test_null_annotations_do_not_cost_the_alert(client: TestClient, books: Any) -> None:
    """Null is taken as absent."""
    sent = GOOD | {"annotations": None, "generatorURL": None}

    answer = client.post("/alert", json={"version": "4", "alerts": [sent]})

    assert answer.status_code == 202
    assert [a.annotations for a in books.accepted] == [{}]


@pytest.fixture
def alertmanager(service: Any, httpserver: Any) -> Any:
    """One whose address is known."""
    url = {"alertmanager_url": httpserver.url_for("/am/")}
    service.settings = service.settings.model_copy(update=url)
    return httpserver


def cut_off(alertmanager: Any) -> Any:
    """Where it is asked for what was cut off."""
    return alertmanager.expect_request("/am/api/v2/alerts")


TRUNCATED = {"alerts": [GOOD], "truncatedAlerts": 3, "groupLabels": {"alertname": "X"}}


async def test_the_rest_of_a_truncated_group_is_fetched(
    service: Any, data: Path, alertmanager: Any
) -> None:
    """Alerts that Alertmanager left out are asked for and stored."""
    active = json.loads((data / "alertmanager" / "alerts.json").read_text())
    cut_off(alertmanager).respond_with_json(active)

    assert await _post(service, TRUNCATED, []) == 202
    assert len(service.store.accepted) == 1 + len(active)
    assert alertmanager.log[0][0].args["filter"] == 'alertname="X"'
    assert service.lost == []


async def test_the_rest_is_stored_before_the_answer(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever dies while it is fetched has acknowledged nothing: Alertmanager posts it again."""
    order: list[str] = []

    async def active(*_: object) -> Delivery:
        order.append("fetched")
        return Delivery(alerts=[])

    monkeypatch.setattr(intake, "_active", active)
    service.settings = service.settings.model_copy(update={"alertmanager_url": "http://am:9093"})
    sent = await _post(service, TRUNCATED, order)

    assert (sent, order) == (202, ["fetched", "answered"])


async def test_one_failure_does_not_lose_the_rest(service: Any, alertmanager: Any) -> None:
    """It is asked twice before people are."""
    path = "/am/api/v2/alerts"
    alertmanager.expect_ordered_request(path).respond_with_data("no", status=502)
    alertmanager.expect_ordered_request(path).respond_with_json([])

    assert (await _post(service, TRUNCATED, []), service.lost) == (202, [])


async def test_an_address_that_is_none_is_told(service: Any) -> None:
    """What came is taken all the same."""
    wrong = {"alertmanager_url": "http://am:port"}
    service.settings = service.settings.model_copy(update=wrong)

    assert await _post(service, TRUNCATED, []) == 202
    assert [kind for kind, _ in service.lost] == ["left out"]


@pytest.mark.parametrize("body", [b"<html>", b'{"no": "list"}', b""])
async def test_a_rest_that_is_out_of_reach_is_told(
    service: Any, alertmanager: Any, body: bytes
) -> None:
    """What came is kept, and people hear of what did not."""
    cut_off(alertmanager).respond_with_data(body, status=200 if body else 502)

    assert await _post(service, TRUNCATED, []) == 202
    assert len(service.store.accepted) == 1
    ((kind, sentence),) = service.lost
    assert (kind, "could not be fetched" in sentence) == ("left out", True)


async def test_an_alertmanager_that_hangs_holds_nobody_up(
    service: Any, alertmanager: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for our answer itself."""
    done = threading.Event()

    def hang(_: Request) -> Response:
        done.wait(30)
        return Response(b"[]")

    cut_off(alertmanager).respond_with_handler(hang)
    monkeypatch.setattr(intake, "FETCH_S", 0.1)
    sent = await _post(service, TRUNCATED, [])
    done.set()

    assert (sent, [kind for kind, _ in service.lost]) == (202, ["left out"])


async def test_what_was_fetched_and_cannot_be_read_is_told(service: Any, alertmanager: Any) -> None:
    """The rest is acknowledged too."""
    active = {"status": {"state": "active"}, "labels": {"alertname": "Up"}}
    cut_off(alertmanager).respond_with_json([active, active | {"startsAt": "yesterday"}])
    sent = await _post(service, TRUNCATED, [])

    assert (sent, [kind for kind, _ in service.lost]) == (202, ["unreadable"])
    assert len(service.store.accepted) == 2


async def test_a_rest_that_cannot_be_stored_comes_again(
    service: Any, alertmanager: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503: nothing of it was acknowledged."""
    active = {"status": {"state": "active"}, "labels": {"alertname": "Up"}}
    cut_off(alertmanager).respond_with_json([active])
    deliver, calls = service.store.deliver, list[int]()

    async def full(alerts: Any) -> None:
        calls.append(len(alerts))
        if len(calls) > 1:
            raise NotStored("the disk is full")
        await deliver(alerts)

    monkeypatch.setattr(service.store, "deliver", full)

    assert await _post(service, TRUNCATED, []) == 503


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
