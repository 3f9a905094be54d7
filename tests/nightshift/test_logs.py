"""Secrets never reach a log."""

import json
import logging

import pytest
import structlog
from pydantic import SecretStr

from domain.errors import BadConfiguration
from nightshift.logs import redact, secrets_of, setup
from nightshift.settings import Settings

TOKEN = "123456789:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer abcdef123", "Authorization: Bearer ***"),
        (f"POST https://api.telegram.org/bot{TOKEN}/x", "POST https://api.telegram.org/bot***/x"),
        (f"token {TOKEN} is wrong", "token *** is wrong"),
        ("http://am:pass@host:9093/x", "http://***@host:9093/x"),
        ("key sk-proj-0123456789abcdefgh", "key ***"),
        ("asked with password=Tr0ub4dor&3", "asked with password=***"),
        ("an ordinary sentence", "an ordinary sentence"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, clean: str) -> None:
    """Also secrets of others, which no setting of ours names."""
    assert redact(text) == clean


def test_our_own_secrets_are_known() -> None:
    """Every secret setting, and the password half of basic credentials."""
    settings = Settings(
        _env_file=None,
        nightshift_basic_auth=SecretStr("user:correct horse"),
        nightshift_token=SecretStr("t0ken!"),
    )

    known = secrets_of(settings)

    assert set(known) == {"user:correct horse", "correct horse", "t0ken!"}
    assert redact("it was 'correct horse' and t0ken!", known) == "it was '***' and ***"


def test_a_log_line_has_no_secret_anywhere(capsys: pytest.CaptureFixture[str]) -> None:
    """Not in the event, a nested value, a key's value, a traceback or a library's line."""
    setup(as_json=True, secrets=["hunter2222"])
    log = structlog.stdlib.get_logger("x")

    log.info("got hunter2222", headers={"a": ["hunter2222"]}, api_key="short")
    try:
        int("hunter2222")
    except ValueError:
        log.exception("failed")
    logging.getLogger("library").warning("url %s", "http://u:hunter@h")

    lines = capsys.readouterr().err.splitlines()
    assert [json.loads(line)["event"] for line in lines] == [
        "got ***",
        "failed",
        "url http://***@h",
    ]
    assert not any("hunter" in line or "short" in line for line in lines)


def test_an_unknown_level_stops_the_start() -> None:
    """The message names the variable."""
    with pytest.raises(BadConfiguration, match="NIGHTSHIFT_LOG_LEVEL"):
        setup(level="LOUD")
