"""The front door: `create_app()` puts routes before a service. Not here: what they do.

`uvicorn server:app` serves with the settings of the environment; importing opens nothing.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route

from nightshift.metrics import Meters
from nightshift.web import health, incidents, intake, sse
from nightshift.web.auth import Guard, credentials_of, secured
from nightshift.web.errors import HANDLERS
from nightshift.web.serving import Lifespan, Serving
from nightshift.web.shedding import Gate

Opening = Callable[[], AbstractAsyncContextManager[Serving]]


def routes() -> list[BaseRoute]:
    """Every address, in the order of the README."""
    return [
        Route(intake.PATH, intake.alert, methods=["POST"]),
        Route("/health", health.health),
        Route("/ready", health.ready),
        Route("/metrics", health.metrics),
        Route("/stats", health.stats),
        Route("/incidents", incidents.listing),
        Route("/incidents/{id}", incidents.show),
        Route("/incidents/{id}/events", sse.events),
        Route("/incidents/{id}/approve", incidents.approve, methods=["POST"]),
        Route("/incidents/{id}/deny", incidents.deny, methods=["POST"]),
        Route("/targets/{name:path}/unlatch", incidents.unlatch, methods=["POST"]),
        Route("/trigger-health-check", health.check, methods=["POST"]),
    ]


@asynccontextmanager
async def from_environment() -> AsyncIterator[Serving]:
    """The service as the environment describes it. Raises BadConfiguration."""
    from nightshift.logs import secrets_of, setup
    from nightshift.settings import load
    from nightshift.wiring import open_service

    settings, _ = secured(load())
    setup(
        level=settings.nightshift_log_level,
        as_json=settings.nightshift_log_json,
        secrets=secrets_of(settings),
    )
    async with open_service(settings) as service:
        yield service


def create_app(service_factory: Opening | None = None) -> Starlette:
    """The application; `service_factory` opens the service when the server starts."""
    opening = service_factory or from_environment

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[Lifespan]:
        async with opening() as service:
            yield {
                "service": service,
                "meters": Meters(),
                "gate": Gate(service.settings.nightshift_waiting_deliveries),
                "credentials": credentials_of(service.settings),
            }

    return Starlette(
        routes=routes(),
        middleware=[Middleware(Guard), Middleware(intake.AlertsFirst)],
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )


app = create_app()
