"""The demo's view of the server: over HTTP, like any user's."""

import json
from typing import Any

import pytest
from werkzeug import Request, Response

from domain.errors import Transient
from nightshift.demo.desk import Desk

END = 'event: end\ndata: {"status": "done"}\n\n'


def _event(seq: int) -> str:
    return f"id: {seq}\nevent: node\ndata: {json.dumps({'seq': seq, 'kind': 'node'})}\n\n"


async def test_a_broken_stream_is_taken_up_where_it_broke(httpserver: Any) -> None:
    """No event is shown twice, none is left out."""
    seen: list[str] = []

    def stream(request: Request) -> Response:
        after = request.headers["Last-Event-ID"]
        seen.append(after)
        body = _event(1) + _event(2) if after == "0" else ": ping\n\n" + _event(3) + END
        headers = {"Content-Length": str(len(body) + 1)} if after == "0" else {}
        return Response(body, headers=headers)

    httpserver.expect_request("/incidents/a/events").respond_with_handler(stream)
    async with Desk(httpserver.url_for("")) as desk:
        events = [one["seq"] async for one in desk.follow("a", patience_s=5)]

    assert (events, seen) == ([1, 2, 3], ["0", "2"])


async def test_a_finished_stream_ends(httpserver: Any) -> None:
    """204 says that there is nothing more to come."""
    httpserver.expect_request("/incidents/a/events").respond_with_data("", status=204)

    async with Desk(httpserver.url_for("")) as desk:
        assert [one async for one in desk.follow("a", patience_s=5)] == []


async def test_the_oldest_new_incident_is_followed(httpserver: Any) -> None:
    """Later ones fold into it."""
    rows = [{"id": "c"}, {"id": "b"}, {"id": "a"}]
    httpserver.expect_request("/incidents").respond_with_json({"incidents": rows})

    async with Desk(httpserver.url_for("")) as desk:
        assert await desk.next_incident({"a"}, patience_s=5) == "b"


async def test_waiting_has_an_end(httpserver: Any) -> None:
    """With a sentence that says what did not come."""
    httpserver.expect_request("/incidents").respond_with_json({"incidents": []})

    async with Desk(httpserver.url_for("")) as desk:
        with pytest.raises(Transient, match=r"no alert came in within 0\.01 s"):
            await desk.next_incident(set(), patience_s=0.01)


async def test_a_server_that_is_gone_is_told() -> None:
    """Not a traceback of the HTTP library."""
    async with Desk("http://127.0.0.1:9") as desk:
        with pytest.raises(Transient, match="/incidents"):
            await desk.incidents()
