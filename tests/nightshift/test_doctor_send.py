"""doctor's test of the whole chain, with stand-ins for Telegram and the service."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from werkzeug import Request, Response

from nightshift.alertmanager import read_delivery
from nightshift.clock import SystemClock
from nightshift.doctor import State, exit_code
from nightshift.doctor_send import delivery, nobodys_alert, send_test
from nightshift.settings import Settings

Make = Callable[..., Settings]
DONE = {"status": "done", "outcome": "escalated", "reason": "no such container", "attempts": []}


@pytest.fixture
def make(tmp_path: Path, httpserver: Any) -> Make:
    """`make(**settings)` that point at the stand-in."""

    def build(**given: Any) -> Settings:
        base = {
            "nightshift_data_dir": tmp_path,
            "nightshift_host": httpserver.host,
            "nightshift_port": httpserver.port,
        }
        return Settings(_env_file=None, **{**base, **given})

    return build


def _service(httpserver: Any, *stories: dict[str, Any], headers: Any = None) -> None:
    """It lists the posted alert as `i1`, behind another test's, and tells these stories of it."""
    posted: list[Any] = []

    def told(story: dict[str, Any]) -> Callable[[Request], Response]:
        return lambda _: Response(json.dumps({**story, "alert": posted[0]}))

    def expect(path: str, answer: Callable[[Request], Response], **more: Any) -> None:
        asked = httpserver.expect_ordered_request(path, headers=headers, **more)
        asked.respond_with_handler(answer)

    def take(request: Request) -> Response:
        posted.extend(request.get_json()["alerts"])
        return Response('{"status": "accepted", "alerts": 1}', status=202)

    rows = {"incidents": [{"id": one, "alert_name": "NightshiftTest"} for one in ("i0", "i1")]}
    expect("/alert", take, method="POST")
    expect("/incidents", lambda _: Response(json.dumps({"incidents": []})))
    expect("/incidents", lambda _: Response(json.dumps(rows)))
    expect("/incidents/i0", lambda _: Response('{"alert": {"labels": {}}}'))
    for story in ({}, *stories):
        expect("/incidents/i1", told(story))


async def test_the_alert_is_followed_to_its_end(make: Make, httpserver: Any) -> None:
    """Every hop is a finding, and the end is told in the service's words."""
    _service(httpserver, {"status": "open"}, DONE)

    message, alert, incident = await send_test(make(), look_every_s=0)

    assert (message.state, alert.state, incident.state) == ("warning", "ok", "ok")
    assert "escalated: no such container" in incident.detail


async def test_the_kept_token_is_shown(make: Make, httpserver: Any, tmp_path: Path) -> None:
    """Whoever may read the data directory needs no setting."""
    (tmp_path / "token").write_text("kept\n")
    _service(httpserver, DONE, headers={"Authorization": "Bearer kept"})

    found = await send_test(make(), look_every_s=0)

    assert [one.state for one in found[1:]] == ["ok", "ok"]


async def test_basic_credentials_are_shown(make: Make, httpserver: Any) -> None:
    """Where they are what the service asks for."""
    _service(httpserver, DONE, headers={"Authorization": "Basic dTpw"})

    found = await send_test(make(nightshift_basic_auth=SecretStr("u:p")), look_every_s=0)

    assert [one.state for one in found[1:]] == ["ok", "ok"]


@pytest.mark.parametrize(("status", "state"), [(401, "misconfigured"), (503, "failed")])
async def test_a_refused_alert_is_told(
    make: Make, httpserver: Any, status: int, state: State
) -> None:
    """A wrong token is a setting; the rest is a failure."""
    httpserver.expect_request("/alert").respond_with_json({"error": "no"}, status=status)

    _, alert = await send_test(make())

    assert alert.state == state


async def test_an_incident_that_never_ends_is_a_failure(make: Make, httpserver: Any) -> None:
    """The wait is bounded."""
    _service(httpserver, *[{"status": "open"}] * 1000)

    found = await send_test(make(), wait_s=0.2, look_every_s=0.01)

    assert (found[-1].state, exit_code(found)) == ("failed", 1)


async def test_acting_on_nothing_is_a_failure(make: Make, httpserver: Any) -> None:
    """A test may never cost a remedy."""
    _service(httpserver, {**DONE, "attempts": [{"remedy": "restart"}]})

    found = await send_test(make(), look_every_s=0)

    assert found[-1].state == "failed"


async def test_no_service_is_out_of_reach(make: Make) -> None:
    """Exit code 4, as for every check."""
    found = await send_test(make(nightshift_port=9))

    assert (found[-1].name, exit_code(found)) == ("test alert", 4)


@pytest.mark.parametrize(
    ("answer", "state"),
    [({"ok": True}, "ok"), ({"ok": False, "description": "chat not found"}, "misconfigured")],
)
async def test_the_message_goes_to_the_chat(
    make: Make, httpserver: Any, answer: dict[str, Any], state: State
) -> None:
    """Telegram's own word decides, and the token is nowhere in the report."""
    httpserver.expect_request("/bot7:abc/sendMessage", method="POST").respond_with_json(answer)
    token, base = SecretStr("7:abc"), httpserver.url_for("/bot")

    found = await send_test(
        make(telegram_bot_token=token, telegram_chat_id="1", telegram_base_url=base)
    )

    assert found[0].state == state
    assert "7:abc" not in str(found)


def test_the_alert_is_one_that_the_service_can_read() -> None:
    """And each test is an incident of its own."""
    (one,) = read_delivery(delivery(nobodys_alert()), received_at=SystemClock().now()).alerts
    (other,) = read_delivery(delivery(nobodys_alert()), received_at=SystemClock().now()).alerts

    assert one.fingerprint != other.fingerprint


def _alertmanager(httpserver: Any, taken: list[Any]) -> str:
    """One that keeps the alerts it is given; its URL."""

    def keep(request: Request) -> Response:
        taken.extend(request.get_json())
        return Response(status=200)

    httpserver.expect_request("/am/api/v2/alerts", method="POST").respond_with_handler(keep)
    return str(httpserver.url_for("/am"))


def _direct(httpserver: Any, *others: str) -> None:
    """The service: the posted alert is `i1`, which is done; others are listed before it."""
    posted: list[Any] = []

    def take(request: Request) -> Response:
        posted.extend(request.get_json()["alerts"])
        return Response('{"status": "accepted", "alerts": 1}', status=202)

    rows = [{"id": one, "alert_name": "NightshiftTest"} for one in (*others, "i1")]
    httpserver.expect_request("/alert").respond_with_handler(take)
    httpserver.expect_request("/incidents").respond_with_json({"incidents": rows})
    httpserver.expect_request("/incidents/i1").respond_with_handler(
        lambda _: Response(json.dumps({**DONE, "alert": posted[0]}))
    )


async def test_an_alert_goes_through_alertmanager(make: Make, httpserver: Any) -> None:
    """What it was given has to come out as an incident; another test's does not count."""
    taken: list[Any] = []
    url = _alertmanager(httpserver, taken)
    _direct(httpserver, "older", "ours")
    httpserver.expect_request("/incidents/older").respond_with_json({"alert": {"labels": {}}})
    httpserver.expect_request("/incidents/ours").respond_with_handler(
        lambda _: Response(json.dumps({"alert": {"labels": taken[0]["labels"]}}))
    )

    *_, route = await send_test(make(alertmanager_url=url), look_every_s=0)

    assert (route.name, route.state) == ("test route", "ok")
    assert "incident ours" in route.detail
    assert taken[0]["endsAt"] > taken[0]["startsAt"]


async def test_an_alert_that_alertmanager_keeps_is_told(make: Make, httpserver: Any) -> None:
    """With where to look: its receiver, its route, its log."""
    url = _alertmanager(httpserver, [])
    _direct(httpserver)

    *_, route = await send_test(make(alertmanager_url=url), wait_s=0.3, look_every_s=0.05)

    assert route.state == "failed"
    assert "route" in route.mend
