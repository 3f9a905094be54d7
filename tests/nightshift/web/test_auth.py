"""Who may talk to us."""

import asyncio
import base64
import stat
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from domain.errors import BadConfiguration
from nightshift.settings import Settings
from nightshift.web.auth import Credentials, Guard, credentials_of, is_loopback, secured

ANYWHERE = "0.0.0.0"  # noqa: S104  # a setting under test, nothing listens
TOKEN = "a-long-enough-token"
BASIC = base64.b64encode(b"am:pass word").decode()


def guarded(path: str, keys: Credentials, headers: dict[str, str] | None = None, **at: Any) -> int:
    """The status with which a guarded application answers to this request."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    raw = [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()]
    scope = {"type": "http", "method": "GET", "path": path, "headers": raw, "query_string": b""}
    guard = Guard(PlainTextResponse("in"))
    asyncio.run(guard({**scope, "state": {"credentials": keys}, **at}, _silence, send))
    return int(sent[0]["status"])


async def _silence() -> Any:
    return {"type": "http.request"}


@pytest.fixture
def settings(tmp_path: Any) -> Settings:
    """With a token and basic credentials."""
    return Settings(
        _env_file=None,
        nightshift_data_dir=tmp_path,
        nightshift_token=SecretStr(TOKEN),
        nightshift_basic_auth=SecretStr("am:pass word"),
    )


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {TOKEN}", 200),
        (f"Basic {BASIC}", 200),
        ("", 401),
        ("Bearer ", 401),
        ("Bearer wrong", 401),
        (f"Bearer {TOKEN}x", 401),
        (f"Basic {TOKEN}", 401),
        ("Basic !!!", 401),
        (f"Digest {TOKEN}", 401),
    ],
)
def test_only_the_right_credentials_open_the_door(
    client: TestClient, header: str, status: int
) -> None:
    """Bearer and basic both work; a prefix, an empty or a malformed one does not."""
    answer = client.get("/incidents", headers={"Authorization": header})

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/alert"),
        ("GET", "/stats"),
        ("GET", "/metrics"),
        ("GET", "/incidents/x"),
        ("GET", "/incidents/x/events"),
        ("POST", "/incidents/x/approve"),
        ("POST", "/incidents/x/deny"),
        ("POST", "/trigger-health-check"),
        ("GET", "/nowhere"),
    ],
)
def test_every_other_address_needs_them(client: TestClient, method: str, path: str) -> None:
    """What is not listed as open is closed, also what does not exist."""
    answer = client.request(method, path)

    assert answer.status_code == 401
    assert "Bearer" in answer.headers["www-authenticate"]


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_probes_need_none(client: TestClient, path: str) -> None:
    """A container's health check has no token."""
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("source", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("127.0.0.1", {"X-Forwarded-For": "10.0.0.9"}, 401),
        ("127.0.0.1", {"Host": "evil.example"}, 401),
        ("10.0.0.9", {}, 401),
    ],
)
def test_metrics_are_open_on_this_machine_only(
    source: str, headers: dict[str, str], status: int
) -> None:
    """A Prometheus beside us needs no token; one behind a proxy or elsewhere does."""
    reached = {"client": (source, 50000), "server": ("10.0.0.5", 5000)}

    assert guarded("/metrics", Credentials(token=SecretStr(TOKEN)), headers, **reached) == status


@pytest.mark.parametrize(
    ("path", "address", "status"),
    [
        ("/stats", "10.0.0.5", 401),
        ("/stats", "::1", 200),
        ("/stats", "/run/nightshift.sock", 200),
        ("/health", "10.0.0.5", 200),
    ],
)
def test_without_credentials_only_loopback_is_served(path: str, address: str, status: int) -> None:
    """A server that was bound to the network without a token answers nobody there."""
    assert guarded(path, Credentials(), server=(address, 5000)) == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:5000", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1:5000", 200),
        ("[::1]:5000", 200),
        ("", 401),
        ("evil.example", 401),
        ("evil.example:5000", 401),
        ("localhost.evil.example", 401),
        ("127.0.0.1.evil.example", 401),
        ("localhost@evil.example", 401),
        ("[::1", 401),
    ],
)
def test_without_credentials_a_foreign_name_is_refused(host: str, status: int) -> None:
    """A web page whose name leads to 127.0.0.1 is of one origin with us: Host tells it."""
    headers = {"Host": host, "Origin": f"http://{host}"}

    assert guarded("/incidents", Credentials(), headers, server=("127.0.0.1", 5000)) == status


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Real-IP"])
def test_without_credentials_nobody_comes_through_a_proxy(header: str) -> None:
    """What a proxy hands on may come from anywhere."""
    headers = {"Host": "localhost", header: "for=10.0.0.9"}

    assert guarded("/stats", Credentials(), headers, server=("127.0.0.1", 5000)) == 401


def test_with_a_token_any_name_and_proxy_will_do() -> None:
    """Then it is the token that tells friend from foe."""
    headers = {"Host": "night.example", "X-Forwarded-For": "10.0.0.9"}
    headers["Authorization"] = f"Bearer {TOKEN}"

    assert guarded("/stats", Credentials(token=SecretStr(TOKEN)), headers) == 200


@pytest.mark.parametrize("host", ["x/health?", "x/health#", "x/metrics?", "[::1"])
def test_a_host_header_does_not_choose_the_address(host: str) -> None:
    """What is open and what is not is told by the path alone."""
    keys, reached = Credentials(token=SecretStr(TOKEN)), {"client": ("127.0.0.1", 50000)}

    assert guarded("/incidents", keys, {"Host": host}, **reached) == 401


def test_listening_beyond_loopback_makes_a_token_once(tmp_path: Any) -> None:
    """The token is kept for the next start, for its owner's eyes only."""
    plain = Settings(_env_file=None, nightshift_data_dir=tmp_path / "d", nightshift_host=ANYWHERE)

    first, new = secured(plain)
    second, again = secured(plain)

    assert (new, again) == (True, False)
    assert first.nightshift_token == second.nightshift_token
    assert stat.S_IMODE((tmp_path / "d" / "token").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o700
    assert credentials_of(first).required


def test_a_loopback_listener_needs_none(tmp_path: Any) -> None:
    """The default start asks for nothing and writes nothing."""
    plain = Settings(_env_file=None, nightshift_data_dir=tmp_path)

    assert secured(plain) == (plain, False)
    assert list(tmp_path.iterdir()) == []


def test_a_token_that_cannot_be_kept_stops_the_start(tmp_path: Any) -> None:
    """Without a place for it, the operator has to set one."""
    (tmp_path / "file").write_text("")
    plain = Settings(
        _env_file=None, nightshift_data_dir=tmp_path / "file", nightshift_host=ANYWHERE
    )

    with pytest.raises(BadConfiguration, match="NIGHTSHIFT_TOKEN"):
        secured(plain)


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("::1", True), ("[::1]", True), ("localhost", True), (ANYWHERE, False),
     ("192.168.1.2", False), ("nightshift", False)],
)  # fmt: skip
def test_which_hosts_are_loopback(host: str, local: bool) -> None:
    """Names other than localhost may lead anywhere."""
    assert is_loopback(host) is local
