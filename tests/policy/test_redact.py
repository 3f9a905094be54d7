"""What must not leave the house."""

import pytest

from policy.redact import Redactor, is_secret_name

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.SflKxwRJSMeKKF2QT4fw"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("postgres://app:hunter2@db:5432/shop", "hunter2"),
        ("GET /x?user=1&token=tok-9912&y=2", "tok-9912"),
        ("Authorization: Bearer abc.def-123456", "abc.def-123456"),
        ("authorization=Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("DB_PASSWORD=hunter2 started", "hunter2"),
        ("password: 'two words'", "two words"),
        ('{"api_key":"k-123","n":1}', "k-123"),
        ("mysql --password hunter2 -h db", "hunter2"),
        ("the secret is swordfish", "swordfish"),
        (f"session {JWT} rejected", "SflKxwRJSMeKKF2QT4fw"),
        ("key sk-proj-abcdefghijklmnop1234", "abcdefghijklmnop1234"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123", "abcdefghijklmnop"),
        ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN7"),
        ("bot 1234567890:AAEhBP0av28abcdefghijABCDEFGHIJ1234", "AAEhBP0av28"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow", "MIIEow"),
        ("blob qL7vR2xK9mN4pT8wZ3cF6hJ1", "qL7vR2xK9mN4pT8wZ3cF6hJ1"),
        ("line MIIEpAIBAAKCAQEA7/bq3kq+9yVtQ2Zx0nLkq1Jr5w/8Xn2Pq", "7/bq3kq+9yVtQ2Zx0nLkq1Jr5w"),
        ("mail to bob.smith@example.com now", "bob.smith@example.com"),
        ("dial tcp 10.0.0.5:5432", "10.0.0.5"),
        ("from fe80::1ff:fe23:4567:890a and 2001:db8::7", "2001:db8::7"),
        ("from fe80::1ff:fe23:4567:890a", "fe23:4567"),
        ("mac 02:42:ac:11:00:02 seen", "02:42:ac:11:00:02"),
        ("container 4f5e6d7c8b9a0f1e2d3c gone", "4f5e6d7c8b9a0f1e2d3c"),
        ("request 7f1c2d3e-1111-2222-3333-444455556666", "444455556666"),
    ],
)
def test_secrets_and_addresses_go(text: str, secret: str) -> None:
    """Each shape is replaced by a placeholder."""
    assert secret not in Redactor()(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01 12:00:01 unhandled KeyError: 'session_id'",
        "invalid value for LISTEN_PORT in /etc/service.conf: 'eighty'",
        "write /data/wal: no space left on device",
        "GET http://web:8080/health 503",
        "author=bob monkey=1 version 1.2.3.4.5",
        "exit code 137 at 12:30:45",
        "my-very-long-container-name-with-2-parts-1 is down",
    ],
)
def test_what_matters_stays(text: str) -> None:
    """Times, ports, paths, names and codes are what a diagnosis is made of."""
    assert Redactor()(text) == text


def test_the_same_value_has_the_same_name() -> None:
    """Within one question two lines about one address stay recognisable."""
    redact = Redactor()
    lines = [redact("10.0.0.5 refused"), redact("retry 10.0.0.5"), redact("then 10.0.0.6")]

    assert lines == ["<ip-1> refused", "retry <ip-1>", "then <ip-2>"]


def test_redacting_twice_changes_nothing() -> None:
    """A placeholder is no secret."""
    redact = Redactor()
    once = redact("token=abc password=abc 10.0.0.5 Authorization: Bearer abcdefgh")

    assert redact(once) == once


@pytest.mark.parametrize(
    ("name", "secret"),
    [("api_key", True), ("DB_PASSWORD", True), ("token", True), ("author", False), ("name", False)],
)
def test_names_tell(name: str, secret: bool) -> None:
    """A label of such a name is not shown at all."""
    assert is_secret_name(name) is secret


def test_a_long_line_is_no_trap() -> None:
    """The patterns do not go quadratic on what somebody wrote to that end."""
    text = "a" * 2000 + "://" + "token" * 400 + "=" * 500
    Redactor()(text)
    Redactor()("eyJ" + "a." * 1000)
