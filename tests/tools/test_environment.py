"""What the environment says of HTTP, read once."""

from pathlib import Path

import pytest
import requests

from tools.environment import read_once

HERE = "http://prometheus.test:9090"


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy, a bundle of certificates and a netrc."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine prometheus.test login me password hunter2\n")
    netrc.chmod(0o600)
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://proxy.test:3128")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/own.pem")
    monkeypatch.setenv("NETRC", str(netrc))


def prepared(session: requests.Session) -> tuple[object, object, object]:
    """Proxy, certificates and authorization of a call to `HERE`."""
    request = session.prepare_request(requests.Request("GET", HERE))
    found = session.merge_environment_settings(HERE, {}, None, None, None)
    return found["proxies"].get("http"), found["verify"], request.headers.get("Authorization")


def test_it_is_what_every_call_would_have_read(surroundings: None) -> None:
    """The same proxy, bundle and password."""
    every_time, once = requests.Session(), requests.Session()
    read_once(once, HERE)

    assert prepared(once) == prepared(every_time)
    assert prepared(once)[:2] == ("http://proxy.test:3128", "/etc/own.pem")


def test_it_is_read_no_more(surroundings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What changes later changes nothing."""
    session = requests.Session()
    read_once(session, HERE)
    before = prepared(session)
    monkeypatch.setenv("http_proxy", "http://other.test:1")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")

    assert prepared(session) == before


def test_who_says_who_he_is_needs_no_netrc(surroundings: None) -> None:
    """A password of the settings stands."""
    session = requests.Session()
    session.auth = ("settings", "own")
    read_once(session, HERE)

    assert session.auth == ("settings", "own")
