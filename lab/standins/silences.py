"""Alertmanager's API v2: alerts, silences, status. Not here: notifying (alertmanager.py)."""

import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Labels = Mapping[str, str]
Listed = Callable[[], list[dict[str, Any]]]


@dataclass
class Silences:
    """The silences that people have set, as the API has them."""

    kept: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, silence: Mapping[str, Any]) -> str:
        """Keep a silence and return its id. Raises ValueError, KeyError on a malformed one."""
        for name in ("startsAt", "endsAt"):
            datetime.fromisoformat(silence[name])
        if not silence["matchers"]:
            raise ValueError("at least one matcher required")
        number = str(silence.get("id") or uuid.uuid4())
        self.kept[number] = {**silence, "id": number}
        return number

    def expire(self, number: str) -> None:
        """End a silence now. Raises KeyError."""
        self.kept[number]["endsAt"] = datetime.now(UTC).isoformat()

    def mute(self, labels: Labels) -> list[str]:
        """The ids of the active silences that cover these labels."""
        return [
            number
            for number, silence in self.kept.items()
            if _state(silence) == "active"
            and all(_matches(matcher, labels) for matcher in silence["matchers"])
        ]

    def status(self, labels: Labels) -> dict[str, Any]:
        """The `status` field of a listed alert."""
        muted = self.mute(labels)
        state = "suppressed" if muted else "active"
        return {"state": state, "silencedBy": muted, "inhibitedBy": []}

    def listed(self) -> list[dict[str, Any]]:
        """All of them, with their state."""
        return [{**one, "status": {"state": _state(one)}} for one in self.kept.values()]


def _state(silence: Mapping[str, Any]) -> str:
    now = time.time()
    if datetime.fromisoformat(silence["endsAt"]).timestamp() <= now:
        return "expired"
    begun = datetime.fromisoformat(silence["startsAt"]).timestamp() <= now
    return "active" if begun else "pending"


def _matches(matcher: Mapping[str, Any], labels: Labels) -> bool:
    found = labels.get(matcher["name"], "")
    if matcher.get("isRegex"):
        holds = re.fullmatch(matcher["value"], found) is not None
    else:
        holds = found == matcher["value"]
    return holds is bool(matcher.get("isEqual", True))


async def _added(silences: Silences, request: Request) -> Response:
    try:
        return JSONResponse({"silenceID": silences.add(await request.json())})
    except (ValueError, KeyError, TypeError) as error:
        return JSONResponse(f"bad silence: {error}", 400)


def alertmanager_api(silences: Silences, listed: Listed) -> Starlette:
    """The app behind /api/v2; `listed` gives the firing alerts."""
    started = datetime.now(UTC).isoformat()

    async def status(_: Request) -> Response:
        version = {"version": "0.25.0", "goVersion": "stand-in"}
        cluster = {"status": "disabled", "peers": []}
        return JSONResponse({"cluster": cluster, "versionInfo": version, "uptime": started})

    async def alerts(_: Request) -> Response:
        return JSONResponse(listed())

    async def silence_list(request: Request) -> Response:
        if request.method == "POST":
            return await _added(silences, request)
        return JSONResponse(silences.listed())

    async def silence(request: Request) -> Response:
        number = request.path_params["number"]
        if number not in silences.kept:
            return Response(status_code=404)
        if request.method == "DELETE":
            silences.expire(number)
            return Response()
        return JSONResponse(next(one for one in silences.listed() if one["id"] == number))

    return Starlette(
        routes=[
            Route("/api/v2/status", status),
            Route("/api/v2/alerts", alerts),
            Route("/api/v2/silences", silence_list, methods=["GET", "POST"]),
            Route("/api/v2/silence/{number}", silence, methods=["GET", "DELETE"]),
            Route("/-/ready", status),
        ]
    )
