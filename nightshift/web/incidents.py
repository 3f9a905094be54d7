"""Reading incidents and answering for them. Not here: the live stream (sse.py)."""

from typing import Literal, cast, get_args

from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from domain.decision import Approval
from domain.incident import IncidentStatus
from nightshift import views
from nightshift.web.intake import TooLarge, bounded_body
from nightshift.web.serving import service_of

MAX_ANSWER = 16 * 1024
MAX_LISTED = 1000


class Answer(BaseModel):
    """A person's word; `digest` binds it to the request they saw."""

    by: str = Field(default="someone over HTTP", max_length=200)
    reason: str = Field(default="", max_length=2000)
    digest: str = Field(default="", max_length=64)


async def listing(request: Request) -> Response:
    """`GET /incidents?limit=&status=`: newest first."""
    store = service_of(request).store
    await store.catch_up()
    found = await store.incidents(limit=_limit(request), status=_status(request))
    return JSONResponse({"incidents": [views.brief(incident) for incident in found]})


async def show(request: Request) -> Response:
    """`GET /incidents/{id}`: the whole story as one object."""
    store = service_of(request).store
    await store.catch_up()
    return JSONResponse(await views.one(store, request.path_params["id"]))


async def approve(request: Request) -> Response:
    """`POST /incidents/{id}/approve`."""
    return await _decide(request, "approve")


async def deny(request: Request) -> Response:
    """`POST /incidents/{id}/deny`."""
    return await _decide(request, "deny")


async def unlatch(request: Request) -> Response:
    """`POST /targets/{name}/unlatch`: a latched target may be acted on again, and is looked at."""
    said, name = await _answer(request), request.path_params["name"]
    store = service_of(request).store
    looking = await views.unlatched(store, name, by=said.by, reason=said.reason)
    return JSONResponse({"status": "unlatched", "target": name, "incidents": list(looking)})


async def _decide(request: Request, word: Literal["approve", "deny"]) -> Response:
    said, incident = await _answer(request), request.path_params["id"]
    store = service_of(request).store
    digest = said.digest or await views.open_request(store, incident)
    await store.decide(
        incident, Approval(digest=digest, answer=word, by=said.by, reason=said.reason)
    )
    return JSONResponse({"status": "recorded", "incident": incident, "answer": word})


async def _answer(request: Request) -> Answer:
    try:
        body = await bounded_body(request, MAX_ANSWER)
        return Answer.model_validate_json(body) if body.strip() else Answer()
    except TooLarge:
        raise HTTPException(413, f"an answer has at most {MAX_ANSWER} bytes") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the body"
        raise HTTPException(400, f"{where}: {first['msg']}") from None


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", "50")
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= MAX_LISTED:
        raise HTTPException(400, f"limit is a number from 1 to {MAX_LISTED}, not {text[:20]!r}")
    return int(text)


def _status(request: Request) -> IncidentStatus | None:
    text = request.query_params.get("status")
    if text is None or text in get_args(IncidentStatus):
        return cast("IncidentStatus | None", text)
    raise HTTPException(400, f"status is open, waiting or done, not {text[:20]!r}")
