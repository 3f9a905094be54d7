"""The live stream of one incident."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from domain.incident import Incident

Make = Callable[..., Incident]


@pytest.fixture(autouse=True)
def done(books: Any, make_incident: Make) -> None:
    """A finished incident with a story of three events."""
    books.rows["a"] = make_incident("a", status="done", outcome="resolved")
    for text in ("one", "two", "three"):
        books.tell("a", "node", text)


def frames(text: str) -> list[dict[str, str]]:
    """The events of a stream as field mappings, comments left out."""
    blocks = [block for block in text.replace("\r\n", "\n").split("\n\n") if block.strip()]
    pairs = [[line.split(": ", 1) for line in b.splitlines() if line[0] != ":"] for b in blocks]
    return [dict(block) for block in pairs if block]


def test_the_whole_story_then_the_end(client: TestClient) -> None:
    """A late listener gets every event with its number, and the outcome last."""
    *story, end = frames(client.get("/incidents/a/events").text)

    assert [(e["id"], json.loads(e["data"])["text"]) for e in story] == [
        ("1", "one"),
        ("2", "two"),
        ("3", "three"),
    ]
    assert (end["event"], json.loads(end["data"])["outcome"]) == ("end", "resolved")


@pytest.mark.parametrize("where", [{"headers": {"Last-Event-ID": "2"}}, {"params": {"after": "2"}}])
def test_a_broken_stream_is_taken_up_where_it_broke(
    client: TestClient, where: dict[str, Any]
) -> None:
    """No event comes twice, none is missing."""
    story = frames(client.get("/incidents/a/events", **where).text)

    assert [e.get("id") for e in story] == ["3", None]


def test_a_browser_is_told_not_to_come_back(client: TestClient) -> None:
    """EventSource reconnects for ever; 204 ends that."""
    answer = client.get("/incidents/a/events", headers={"Last-Event-ID": "3"})

    assert answer.status_code == 204


def test_events_that_come_later_are_streamed(
    client: TestClient, service: Any, books: Any, make_incident: Make
) -> None:
    """A stream stays open while the incident is, and ends when it is done and quiet."""
    books.rows["b"] = make_incident("b")
    steps = iter(["working", "done", "learned"])

    def news() -> None:
        if (text := next(steps, None)) is None:
            return
        books.tell("b", "node", text)
        if text == "done":
            books.rows["b"] = make_incident("b", status="done")

    service.news = news

    story = frames(client.get("/incidents/b/events").text)

    assert [json.loads(e["data"]).get("text") for e in story] == [
        "working",
        "done",
        "learned",
        None,
    ]


def test_a_wrong_number_and_an_unknown_incident_are_told(client: TestClient) -> None:
    """Both are errors in JSON, not broken streams."""
    wrong = client.get("/incidents/a/events", headers={"Last-Event-ID": "x"})
    unknown = client.get("/incidents/nope/events")

    assert (wrong.status_code, unknown.status_code) == (400, 404)
    assert "Last-Event-ID" in wrong.json()["error"]
