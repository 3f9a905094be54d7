"""doctor's findings on the systems around us, over HTTP."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from nightshift import doctor_peers as peers
from nightshift.doctor import State
from nightshift.settings import Settings

Make = Callable[..., Settings]
GONE = "http://127.0.0.1:9"


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """`make(**settings)`."""
    return lambda **given: Settings(_env_file=None, nightshift_data_dir=tmp_path, **given)


def _counts(httpserver: Any, *, up: int, containers: int) -> None:
    for query, count in (("count(up)", up), (peers.CONTAINER_METRICS, containers)):
        result = [{"metric": {}, "value": [1, str(count)]}] if count else []
        httpserver.expect_request("/api/v1/query", query_string={"query": query}).respond_with_json(
            {"status": "success", "data": {"resultType": "vector", "result": result}}
        )


@pytest.mark.parametrize(
    ("up", "containers", "state"), [(3, 12, "ok"), (3, 0, "warning"), (0, 0, "warning")]
)
async def test_prometheus_without_containers_is_told(
    make: Make, httpserver: Any, up: int, containers: int, state: State
) -> None:
    """It answers, but what is missing in it would silence every check of a fix."""
    _counts(httpserver, up=up, containers=containers)
    httpserver.expect_request("/-/ready").respond_with_data("ok")

    found, clock = await peers.prometheus(make(prometheus_url=httpserver.url_for("")))

    assert (found.state, bool(found.mend)) == (state, state != "ok")
    assert clock.state == "ok"


@pytest.mark.parametrize(
    ("ago_s", "state"), [(0, "ok"), (3, "ok"), (90, "warning"), (-90, "warning")]
)
def test_a_clock_that_is_off_is_told(ago_s: int, state: State) -> None:
    """'After the act' needs one time on both machines; an HTTP date has whole seconds."""
    date = format_datetime(datetime.now(UTC) - timedelta(seconds=ago_s), usegmt=True)

    assert peers._clock(date, "prometheus").state == state


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_a_date_that_cannot_be_read_is_only_a_note(date: str | None) -> None:
    """Not every proxy hands it on."""
    assert peers._clock(date, "prometheus").detail == "prometheus tells no time"


@pytest.mark.parametrize(
    ("written", "state"),
    [
        ("webhook_configs:\n  - url: http://nightshift:5000/alert\n", "ok"),
        ("webhook_configs:\n  - send_resolved: true\n    url: <secret>\n", "ok"),
        ("webhook_configs:\n  - send_resolved: true\n    url: http://x/other\n", "warning"),
        ("email_configs: []\n", "warning"),
    ],
)
async def test_an_alertmanager_that_does_not_send_to_us_is_told(
    make: Make, httpserver: Any, written: str, state: State
) -> None:
    """Its configuration is read; an address that it hides is taken on trust."""
    httpserver.expect_request("/api/v2/status").respond_with_json({"config": {"original": written}})

    (found,) = await peers.alertmanager(make(alertmanager_url=httpserver.url_for("")))

    assert found.state == state


async def test_the_recorded_alertmanager_sends_to_us(
    make: Make, httpserver: Any, data: Path
) -> None:
    """The real one's answer is understood."""
    recorded = json.loads((data / "alertmanager" / "status.json").read_text())
    httpserver.expect_request("/api/v2/status").respond_with_json(recorded)

    (found,) = await peers.alertmanager(make(alertmanager_url=httpserver.url_for("")))

    assert (found.state, found.detail) == ("ok", "answers, and posts to /alert")


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({"ok": True, "result": {"username": "night_bot"}}, "ok"),
        ({"ok": False, "description": "Unauthorized"}, "misconfigured"),
    ],
)
async def test_a_refused_bot_token_is_a_wrong_setting(
    make: Make, httpserver: Any, answer: dict[str, Any], state: State
) -> None:
    """Telegram's own word on it."""
    httpserver.expect_request("/bottoken/getMe").respond_with_json(answer)
    settings = make(
        telegram_bot_token=SecretStr("token"),
        telegram_chat_id="42",
        telegram_base_url=httpserver.url_for("/bot"),
    )

    (found,) = await peers.telegram(settings)

    assert found.state == state


async def test_what_is_out_of_reach_is_named_without_its_secret(make: Make) -> None:
    """Each peer's finding says which setting leads there; a bot's address holds its token."""
    settings = make(
        prometheus_url=GONE,
        alertmanager_url=GONE,
        telegram_bot_token=SecretStr("t0ps3cret"),
        telegram_chat_id="42",
        telegram_base_url=f"{GONE}/bot",
        docker_hosts={"far": "tcp://127.0.0.1:9"},
    )
    checks = (peers.prometheus, peers.alertmanager, peers.telegram, peers.docker_hosts)

    found = [one for check in checks for one in await check(settings)]

    assert [one.state for one in found] == ["unreachable"] * 4
    assert "t0ps3cret" not in str(found)


async def test_what_is_not_configured_is_only_a_note(make: Make) -> None:
    """Prometheus, Alertmanager and Telegram are of use, not needed."""
    checks = (peers.prometheus, peers.alertmanager, peers.telegram)

    found = [one for check in checks for one in await check(make())]

    assert {one.state for one in found} == {"warning"}
    assert all(one.mend for one in found)


@pytest.mark.parametrize(
    ("scope", "state", "said"),
    [
        ({}, "warning", "all 2 containers"),
        ({"nightshift.enable": "true"}, "ok", "matches 1 of 2"),
        ({"nightshift.enable": ""}, "ok", "matches 2 of 2"),
        ({"other": ""}, "warning", "matches 0 of 2"),
    ],
)
def test_a_scope_that_matches_nothing_is_told(
    make: Make, scope: dict[str, str], state: State, said: str
) -> None:
    """Nothing would ever be healed, and nobody would know why."""
    listed = [{"Labels": {"nightshift.enable": "true"}}, {"Labels": {"nightshift.enable": "no"}}]

    found = peers._scope(make(docker_scope=scope), "docker local", listed)

    assert (found.state, said in found.detail) == (state, True)


@pytest.mark.stack
async def test_the_real_daemon_is_understood(make: Make, real_docker: str) -> None:
    """Version, events and containers of a real Docker."""
    host, scope = await peers.docker_hosts(make(docker_hosts={"local": real_docker}))

    assert (host.state, "events readable" in host.detail) == ("ok", True)
    assert scope.state == "warning"
