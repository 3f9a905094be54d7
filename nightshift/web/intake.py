"""`POST /alert`: what Alertmanager sends is written down and acknowledged. Not here: parsing."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

import httpx
import structlog
from pydantic_core import from_json
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from domain.alert import Alert
from domain.errors import NightshiftError, NotStored
from nightshift.alertmanager import (
    Delivery,
    NotADelivery,
    active_query,
    read_active,
    read_delivery,
)
from nightshift.web.errors import refusal
from nightshift.web.serving import Serving, gate_of, meters_of, service_of
from nightshift.web.shedding import Overloaded

MAX_BODY = 1024**2
BODY_S = 10.0
"""Alertmanager's own time-out: who has not sent a delivery by then has given it up."""
FETCH_TIMEOUT_S, FETCH_PAUSES_S = 5.0, (0.0, 1.0, 5.0)

log = structlog.stdlib.get_logger(__name__)


class TooLarge(Exception):
    """More bytes came than are taken."""


async def alert(request: Request) -> Response:
    """Accept a delivery: 202 when it is stored, 503 when it could not be, or too many wait."""
    try:
        with gate_of(request).passing():
            return await _taken(request)
    except Overloaded as error:
        return _refuse(request, 503, str(error))


async def _taken(request: Request) -> Response:
    try:
        async with asyncio.timeout(BODY_S):
            delivery = await _delivery(request)
    except TimeoutError:
        return _refuse(request, 408, f"the body did not come within {BODY_S:g} s")
    except TooLarge:
        return await _too_large(request)
    except NotADelivery as error:
        return _refuse(request, 422, str(error))
    except ValueError as error:
        return _refuse(request, 400, f"the body is not JSON: {error}")
    except ClientDisconnect:
        return _refuse(request, 400, "the connection broke before the body was whole")
    return await _accept(request, delivery)


async def _delivery(request: Request) -> Delivery:
    body = from_json(await bounded_body(request, MAX_BODY))
    return read_delivery(body, received_at=datetime.now(UTC))


async def bounded_body(request: Request, limit: int) -> bytes:
    """The body, counted while it comes in: no header is believed. Raises TooLarge."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise TooLarge
    return bytes(body)


async def _accept(request: Request, delivery: Delivery) -> Response:
    service = service_of(request)
    for sentence in delivery.broken:
        log.warning("an alert of a delivery was left out", why=sentence)
        meters_of(request).refused("broken alert")
    try:
        incidents = await service.store.accept(delivery.alerts)
    except NotStored as error:
        return _refuse(request, 503, str(error))
    meters_of(request).accepted(delivery.alerts)
    rest = BackgroundTask(fetch_rest, service, delivery) if delivery.truncated else None
    answer = {"status": "accepted", "incidents": incidents}
    return JSONResponse(answer, status_code=202, background=rest)


async def _too_large(request: Request) -> Response:
    """Alertmanager gives up on 4xx and the alerts in it are lost: people must hear of it."""
    sentence = f"a delivery of over {MAX_BODY} bytes was refused: set max_alerts in Alertmanager"
    with suppress(NightshiftError):
        await service_of(request).delivery_lost(sentence)
    return _refuse(request, 413, sentence)


def _refuse(request: Request, status: int, sentence: str) -> Response:
    """Say it to the sender, in the log and in the metrics: a refused delivery is a lost one."""
    log.error("a delivery was refused", status=status, why=sentence)
    meters_of(request).refused(f"status {status}")
    return refusal(status, sentence)


async def fetch_rest(service: Serving, delivery: Delivery) -> list[str]:
    """Ask Alertmanager for the whole group that a delivery is a part of, and accept it.

    Returns the incidents. A failure is logged: the group comes again at its group_interval.
    """
    url = service.settings.alertmanager_url
    if not url:
        log.error("alerts were left out and ALERTMANAGER_URL is not set", n=delivery.truncated)
        return []
    for pause in FETCH_PAUSES_S:
        await asyncio.sleep(pause)
        try:
            return await service.store.accept(await _active(url, delivery))
        except (httpx.HTTPError, NotADelivery, NotStored, ValueError) as error:
            log.warning("the rest of a truncated delivery is out of reach", why=str(error))
    log.error("alerts of a truncated delivery were not fetched", n=delivery.truncated)
    return []


async def _active(url: str, delivery: Delivery) -> Sequence[Alert]:
    async with httpx.AsyncClient(timeout=FETCH_TIMEOUT_S) as client:
        address = f"{url.rstrip('/')}/api/v2/alerts"
        answer = await client.get(address, params=active_query(delivery))
        answer.raise_for_status()
        return read_active(from_json(answer.content), received_at=datetime.now(UTC))
