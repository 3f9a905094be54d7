"""What must not leave the house."""

import pytest

from policy.redact import Redactor, is_secret_name, without_secrets

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


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no postgres://app:hunter2secret@db:5432/shop", "no postgres://***@db:5432/shop"),
        ("redis://:s3cr3t@cache:6379/0 refused", "redis://***@cache:6379/0 refused"),
        ("amqp://guest:w0/rd@mq:5672 gone", "amqp://***@mq:5672 gone"),
        ("app:hunter2@tcp(db:3306)/shop", "***@tcp(db:3306)/shop"),
        ("FATAL db: password=Tr0ub4dor&3", "FATAL db: password=***"),
        ("GET /x?token=tok-9912&y=2", "GET /x?token=***&y=2"),
        ("passwd: hunter2 was tried", "passwd: *** was tried"),
        ("api_key: k-123, retrying", "api_key: ***, retrying"),
        ("Password=p;w0rd;Database=shop", "Password=***;Database=shop"),
        ("Tr0ub4dor&3 as password=Tr0ub4dor&3: no", "Tr0ub4dor&3 as password=***: no"),
        ('password="hunter2 is not closed', 'password="*** is not closed'),
        ('"password"=>"hunter2"', '"password"=>"***"'),
        ('{"password": "hunter2", "token": ""}', '{"password": "***", "token": ""}'),
        (r'"{\"password\":\"hunter2\",\"db\":1}"', r'"{\"password\":\"***\",\"db\":1}"'),
        ("Authorization: Bearer abcdef123", "Authorization: Bearer ***"),
        ("Cookie: a=b; session=xyz", "Cookie: ***"),
        ("AKIAIOSFODNN7EXAMPLE refused", "*** refused"),
        ("key wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "key ***"),
        ("a\n-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nz", "a\n***\nz"),
        ("-----BEGIN PRIVATE KEY-----\nMII\nabc=\nFATAL db is gone", "***\nFATAL db is gone"),
        ("MIIEow12\nabcd==\n-----END PRIVATE KEY-----\nz", "***\nz"),
    ],
)
def test_only_the_secret_itself_is_masked(text: str, told: str) -> None:
    """Who was asked, and what went wrong, can still be read; twice is the same as once."""
    assert without_secrets(text) == told
    assert without_secrets(told) == told


@pytest.mark.parametrize(
    "text",
    [
        'FATAL: password authentication failed for user "app"',
        "error: invalid token: unexpected end of input",
        "password is required",
        "bearer token missing, basic authentication failed",
        "manifest digest sha256:0123abcd mismatch",
        "lookup auth-db on 10.0.0.5:53: no such host",
        "redis-auth-1 is unhealthy",
        "auth: connection refused",
        "pull asia-northeast1-docker.pkg.dev/app/web:1",
        'violates unique constraint "pk_customers_email_idx"',
        "failed to read private-key /certs/x.pem: no such file",
        "http://web:8080/path?mail=bob@example.com",
        '{"url":"http://db:5432","mail":"bob@example.com"}',
        "ForkJoinPool-1-worker-Thread-2 died",
        "eyeglass-service.example.com is down",
    ],
)
def test_no_name_and_no_error_is_taken_for_a_secret(text: str) -> None:
    """A message that hides what is wrong helps nobody."""
    assert without_secrets(text) == text


def test_a_masked_secret_is_none_for_the_model() -> None:
    """What lost its secrets when it came in reads the same in a question."""
    told = without_secrets("postgres://app:pw@db password=x1 Authorization: Bearer abcdefgh")

    assert Redactor()(told) == told


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
    without_secrets("password=" + "&a" * 5000 + "\nabc" * 2000 + "-a" * 5000)
