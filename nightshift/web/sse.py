"""`GET /incidents/{id}/events`: one incident as it happens. Not here: the events' meaning."""

import json
from collections.abc import AsyncIterator

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from domain.store import TimelineEvent
from nightshift.views import brief
from nightshift.web.serving import Serving, service_of

POLL_S = 1.0
"""Longest wait for a hint of news; the ledger is read then in any case."""
TAIL_S = 0.5
"""How long a finished incident must be quiet before its stream ends."""


async def events(request: Request) -> Response:
    """Replay from Last-Event-ID, then live; ends when the incident is done.

    204, which tells browsers not to come back, when it is done and there is nothing new.
    """
    service, incident = service_of(request), request.path_params["id"]
    seen = _last_seen(request)
    await service.store.catch_up()
    status = (await service.store.incident(incident)).status
    if seen and status == "done" and not await service.store.timeline(incident, after=seen):
        return Response(status_code=204)
    return EventSourceResponse(story(service, incident, seen), send_timeout=10)


async def story(service: Serving, incident: str, seen: int) -> AsyncIterator[ServerSentEvent]:
    """The events after `seen`, then an `end` event with the outcome."""
    ending = False
    while True:
        noted = service.change_count
        fresh = await service.store.timeline(incident, after=seen)
        for event in fresh:
            seen = event.seq
            yield _sent(event)
        row = await service.store.incident(incident)
        if row.status == "done" and ending and not fresh:
            break
        ending = row.status == "done"
        await service.wait_change(noted, TAIL_S if ending else POLL_S)
    yield ServerSentEvent(event="end", data=json.dumps(brief(row)))


def _sent(event: TimelineEvent) -> ServerSentEvent:
    return ServerSentEvent(id=str(event.seq), event=event.kind, data=event.model_dump_json())


def _last_seen(request: Request) -> int:
    text = request.headers.get("last-event-id") or request.query_params.get("after") or "0"
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise HTTPException(400, f"Last-Event-ID is the number of an event, not {text[:20]!r}")
    return int(text)
