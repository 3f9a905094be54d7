"""Failures."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from domain.errors import Transient


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/no/where", 404), ("GET", "/alert", 405)]
)
def test_what_is_not_there_is_told_in_json(
    client: TestClient, method: str, path: str, status: int
) -> None:
    """Also the router's own refusals are one sentence in JSON."""
    answer = client.request(method, path)

    assert answer.status_code == status
    assert path in answer.json()["error"]


def test_a_path_with_braces_is_no_template(client: TestClient) -> None:
    """What a stranger writes into the address is shown, not evaluated."""
    answer = client.get("/{request.app}")

    assert answer.json() == {"error": "there is nothing at /{request.app}"}


@pytest.mark.parametrize("text", ["{x}", "{", "}", "{path.__class__}", "{method}"])
@pytest.mark.parametrize(
    "place", ["/incidents?limit=", "/incidents?status=", "/incidents/x/events?after="]
)
def test_a_value_with_braces_is_no_template(client: TestClient, place: str, text: str) -> None:
    """A refusal repeats what a stranger sent, letter by letter."""
    answer = client.get(place + text)

    assert answer.status_code == 400
    assert answer.json()["error"].endswith(f"not {text!r}")


@pytest.mark.parametrize(
    ("error", "status", "shown"),
    [(Transient("Docker is silent"), 503, "Docker is silent"), (KeyError("secret"), 500, "log")],
)
def test_no_inside_is_shown(
    client: TestClient, service: Any, error: Exception, status: int, shown: str
) -> None:
    """Our own errors say what to do; all others say only that the log knows."""

    async def check_now() -> None:
        raise error

    service.check_now = check_now

    answer = client.post("/trigger-health-check")

    assert answer.status_code == status
    assert shown in answer.json()["error"]
    assert "secret" not in answer.text
