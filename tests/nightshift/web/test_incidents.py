"""Reading incidents and answering for them."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from domain.incident import Incident

Make = Callable[..., Incident]


@pytest.fixture(autouse=True)
def rows(books: Any, make_incident: Make) -> None:
    """One open incident that asks, and a finished one."""
    books.rows = {"a": make_incident("a"), "b": make_incident("b", status="done")}
    books.requests = {"a": {"digest": "d1", "expires_at": "2026-11-23T09:00:00Z", "request": {}}}
    books.tell("a", "received", "ContainerDown")


def test_the_list_is_filtered_and_bounded(client: TestClient) -> None:
    """`limit` and `status` do what they say."""
    everything = client.get("/incidents").json()["incidents"]
    done = client.get("/incidents", params={"status": "done", "limit": 1}).json()["incidents"]

    assert [row["id"] for row in everything] == ["a", "b"]
    assert [row["id"] for row in done] == ["b"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "limit=1001", "limit=-1", "limit=٣", "status=closed"]
)
def test_a_wrong_filter_is_told(client: TestClient, query: str) -> None:
    """A wrong parameter is an error, never silently another list."""
    answer = client.get(f"/incidents?{query}")

    assert answer.status_code == 400
    assert query.split("=")[0] in answer.json()["error"]


def test_one_incident_is_one_object(client: TestClient) -> None:
    """Everything known is in it: alert, story, open request, cost."""
    seen = client.get("/incidents/a").json()

    assert {"id", "status", "outcome", "target", "diagnosis", "attempts", "verdict"} <= set(seen)
    assert {"timeline", "usage", "alert", "reason", "opened_at", "closed_at"} <= set(seen)
    assert seen["approval"]["digest"] == "d1"
    assert [event["kind"] for event in seen["timeline"]] == ["received"]


def test_an_unknown_incident_is_404(client: TestClient) -> None:
    """With one sentence that names it."""
    answer = client.get("/incidents/nope")

    assert (answer.status_code, answer.json()) == (
        404,
        {"error": "there is no incident 'nope'"},
    )


@pytest.mark.parametrize("word", ["approve", "deny"])
def test_an_answer_is_recorded_for_the_open_request(
    client: TestClient, books: Any, word: str
) -> None:
    """Who said it and why is kept, bound to the request's digest."""
    answer = client.post(f"/incidents/a/{word}", json={"by": "ann", "reason": "seen it"})

    ((incident, said),) = books.answers
    assert answer.status_code == 200
    assert (incident, said.answer, said.digest) == ("a", word, "d1")
    assert (said.by, said.reason) == ("ann", "seen it")


def test_an_answer_needs_no_body(client: TestClient, books: Any) -> None:
    """`curl -X POST` is enough."""
    assert client.post("/incidents/a/approve").status_code == 200
    assert books.answers[0][1].by == "someone over HTTP"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/incidents/nope/approve", b"", 404),
        ("/incidents/nope/deny", b'{"digest": "d1"}', 404),
        ("/incidents/b/approve", b"", 409),
        ("/incidents/b/approve", b'{"digest": "d1"}', 409),
        ("/incidents/a/approve", b'{"digest": "older"}', 409),
        ("/incidents/a/approve", b"{", 400),
        ("/incidents/a/approve", b"[]", 400),
        ("/incidents/a/approve", b"x" * 20_000, 413),
    ],
)
def test_an_answer_nobody_asked_for_is_refused(
    client: TestClient, books: Any, path: str, body: bytes, status: int
) -> None:
    """Unknown, not asked, replaced, unreadable: told in a sentence, and nothing recorded."""
    answer = client.post(path, content=body)

    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert books.answers == []


def test_a_latched_target_is_set_free(client: TestClient, books: Any) -> None:
    """By its name; its alert is opened once more, so that somebody looks now."""
    answer = client.post("/targets/web/unlatch", json={"by": "ann"})

    assert (answer.status_code, answer.json()["status"]) == (200, "unlatched")
    assert [one.fingerprint for one in books.accepted] == [books.rows["a"].alert.fingerprint]
    assert client.post("/targets/db/unlatch").status_code == 404
