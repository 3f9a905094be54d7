"""How the service is, in words and numbers. Not here: the checks themselves."""

import asyncio
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from domain.errors import NightshiftError
from nightshift.web.serving import meters_of, service_of

STATS_S = 4.0
"""Prometheus gives a scrape up after ten seconds."""


def our_version() -> str:
    """Of the installed package; `0` in a bare checkout."""
    try:
        return version("nightshift")
    except PackageNotFoundError:
        return "0"


async def health(_: Request) -> Response:
    """`GET /health`: the process answers."""
    return JSONResponse({"status": "healthy", "service": "nightshift", "version": our_version()})


async def ready(request: Request) -> Response:
    """`GET /ready`: it can work; 503 and what is missing when it cannot."""
    state = service_of(request).readiness()
    return JSONResponse(state, status_code=200 if state.get("ready") else 503)


async def metrics(request: Request) -> Response:
    """`GET /metrics`, for Prometheus; a ledger that is silent must not hide that it is."""
    service = service_of(request)
    try:
        async with asyncio.timeout(STATS_S):
            stats = await service.store.stats()
    except (NightshiftError, TimeoutError):
        stats = None
    body = meters_of(request).exposition(stats, service.live())
    return Response(body, media_type=CONTENT_TYPE_LATEST)


async def stats(request: Request) -> Response:
    """`GET /stats`: counters over all incidents."""
    return JSONResponse((await service_of(request).store.stats()).plain())


async def check(request: Request) -> Response:
    """`POST /trigger-health-check`: look at everything now, not at the next turn."""
    return JSONResponse({"status": "checked", **await service_of(request).check_now()})
