"""Every failure as `{"error": "one sentence"}`. Not here: who may ask (auth.py)."""

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ExceptionHandler

from domain.errors import Conflict, NightshiftError, NotFound, NotStored, Transient

STATUS: tuple[tuple[type[NightshiftError], int], ...] = (
    (NotFound, 404),
    (Conflict, 409),
    (NotStored, 503),
    (Transient, 503),
)
_PLAIN = {404: "there is nothing at {path}", 405: "{path} does not answer to {method}"}


def refusal(status: int, sentence: str) -> JSONResponse:
    """One failure."""
    return JSONResponse({"error": sentence}, status_code=status)


async def _http(request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else str(error)
    template = _PLAIN.get(status)
    known = {"path": request.scope["path"], "method": request.method}
    sentence = template.format(**known) if template else detail
    headers = error.headers if isinstance(error, HTTPException) else None
    return JSONResponse({"error": sentence}, status_code=status, headers=headers)


async def _ours(_: Request, error: Exception) -> JSONResponse:
    status = next((code for kind, code in STATUS if isinstance(error, kind)), 500)
    return refusal(status, str(error))


async def _unexpected(_: Request, __: Exception) -> JSONResponse:
    return refusal(500, "something went wrong here; the log of nightshift tells what")


HANDLERS: Mapping[Any, ExceptionHandler] = {
    HTTPException: _http,
    NightshiftError: _ours,
    Exception: _unexpected,
}
