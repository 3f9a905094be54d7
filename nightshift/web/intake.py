"""`POST /alert`: what Alertmanager sends is written down and acknowledged. Not here: parsing."""

import asyncio
from datetime import UTC, datetime

import httpx
import structlog
from pydantic_core import from_json
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.errors import NightshiftError, NotStored, Transient
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

PATH = "/alert"
MAX_BODY = 1024**2
STORE_S = 5.0
"""Alertmanager waits ten seconds for an answer; a 503 must reach it well before."""
BODY_S = 10.0
"""Alertmanager's own time-out: who has not sent a delivery by then has given it up."""
ANSWER_S = 8.0
"""The same bound for all of it, where alerts were cut off and people have to hear."""
FETCH_S, TELL_S = 2.0, 1.0
"""So long may Alertmanager take to say what it cut off, and people's outbox to take a sentence."""
OUT_OF_REACH = (httpx.HTTPError, httpx.InvalidURL, NotADelivery, TimeoutError, ValueError)
TOO_LARGE, UNREADABLE, LEFT_OUT = "too large", "unreadable", "left out"
"""Ways to lose alerts; people hear of each once an hour."""

log = structlog.stdlib.get_logger(__name__)


class TooLarge(Exception):
    """More bytes came than are taken."""


class AlertsFirst:
    """Middleware: alerts go past the routes, which cost as much as reading the alert does."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST":
            answer = await alert(Request(scope, receive))
            await answer(scope, receive, send)
        else:
            await self.app(scope, receive, send)


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
    body, more = bytearray(), True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > limit:
            raise TooLarge
    return bytes(body)


async def _accept(request: Request, delivery: Delivery) -> Response:
    """Store it within a bound; a write that comes later still is a repeat when it is sent again."""
    service, begun = service_of(request), asyncio.get_running_loop().time()
    for sentence in delivery.broken:
        log.warning("an alert of a delivery was left out", why=sentence)
        meters_of(request).refused("broken alert")
    try:
        async with asyncio.timeout(STORE_S):
            await service.store.deliver(delivery.alerts)
        async with asyncio.timeout_at(begun + ANSWER_S):
            losses = _unreadable(delivery) | await _rest_of(service, delivery, begun + ANSWER_S)
            for kind, sentence in losses.items():
                await service.delivery_lost(kind, sentence)
    except (NotStored, Transient) as error:
        return _refuse(request, 503, str(error))
    except TimeoutError:
        return _refuse(request, 503, "not stored in time: send it again")
    meters_of(request).accepted(delivery.alerts)
    answer = b'{"status":"accepted","alerts":%d}' % len(delivery.alerts)
    return Response(answer, status_code=202, media_type="application/json")


def _unreadable(delivery: Delivery) -> dict[str, str]:
    """What is about to be acknowledged and is not stored: a sentence for people, by kind."""
    if not delivery.broken:
        return {}
    every = len(delivery.broken) + len(delivery.alerts)
    said = f"{len(delivery.broken)} of the {every} alerts of a delivery cannot be read"
    return {UNREADABLE: f"{said}: {delivery.broken[0]}"}


async def _rest_of(service: Serving, delivery: Delivery, until: float) -> dict[str, str]:
    """Ask Alertmanager for the group that a delivery is a part of, store it, say what is missing.

    Before the answer, which must be out by `until` (the loop's time): whoever dies meanwhile has
    acknowledged nothing. Raises NotStored.
    """
    url = service.settings.alertmanager_url
    if not delivery.truncated:
        return {}
    if not url:
        return _left_out(delivery, "set ALERTMANAGER_URL, and they are fetched")
    try:
        rest = await _fetched(url, delivery, until)
    except OUT_OF_REACH as error:
        why = str(error) or type(error).__name__
        log.warning("the rest of a truncated delivery is out of reach", why=why)
        return _left_out(delivery, f"they could not be fetched ({why})")
    await service.store.deliver(rest.alerts)
    return _unreadable(rest)


def _left_out(delivery: Delivery, why: str) -> dict[str, str]:
    said = f"{delivery.truncated} alerts were left out of a delivery by max_alerts"
    return {LEFT_OUT: f"{said}: {why}"}


async def _fetched(url: str, delivery: Delivery, until: float) -> Delivery:
    """Asked once more where there is time for it."""
    try:
        return await _active(url, delivery)
    except OUT_OF_REACH:
        if asyncio.get_running_loop().time() + FETCH_S + TELL_S > until:
            raise
        return await _active(url, delivery)


async def _active(url: str, delivery: Delivery) -> Delivery:
    async with asyncio.timeout(FETCH_S), httpx.AsyncClient(timeout=FETCH_S) as client:
        address = f"{url.rstrip('/')}/api/v2/alerts"
        answer = await client.get(address, params=active_query(delivery))
        answer.raise_for_status()
        return read_active(from_json(answer.content), received_at=datetime.now(UTC))


async def _too_large(request: Request) -> Response:
    """Alertmanager gives up on 4xx and the alerts in it are lost: people must hear of it."""
    sentence = f"a delivery of over {MAX_BODY} bytes was refused: set max_alerts in Alertmanager"
    await _tell(service_of(request), TOO_LARGE, sentence)
    return _refuse(request, 413, sentence)


async def _tell(service: Serving, kind: str, sentence: str) -> None:
    """Tell people, where the sender cannot be told to come again."""
    try:
        async with asyncio.timeout(STORE_S):
            await service.delivery_lost(kind, sentence)
    except (NightshiftError, TimeoutError) as error:
        log.critical("nobody could be told that alerts were lost", what=sentence, why=str(error))


def _refuse(request: Request, status: int, sentence: str) -> Response:
    """Say it to the sender, in the log and in the metrics: a refused delivery is a lost one."""
    log.error("a delivery was refused", status=status, why=sentence)
    meters_of(request).refused(f"status {status}")
    return refusal(status, sentence)
