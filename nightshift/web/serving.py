"""What routes are given: the service, its meters, the credentials. Not here: opening them."""

from typing import Protocol, TypedDict, cast

from starlette.requests import Request

from domain.plain import Plain
from nightshift.metrics import Live, Meters
from nightshift.settings import Settings
from nightshift.views import Books
from nightshift.web.auth import Credentials
from nightshift.web.shedding import Gate


class Serving(Protocol):
    """The part of nightshift.service.Service that routes use."""

    @property
    def settings(self) -> Settings:
        """As read at start."""

    @property
    def store(self) -> Books:
        """Inbox, incidents, timelines."""

    async def check_now(self) -> Plain:
        """Run the proactive check: `{"raised": ids, "looked_at": n, "problems": {…}}`."""

    async def delivery_lost(self, kind: str, sentence: str) -> None:
        """Tell people that alerts cannot come again. Raises NotStored, Transient."""

    def readiness(self) -> Plain:
        """`{"ready": bool, "degraded": {component: reason}, "components": {…}}`."""

    def live(self) -> Live:
        """The same for `/metrics`."""

    @property
    def change_count(self) -> int:
        """How many changes were recorded: what `wait_change` counts from."""

    async def wait_change(self, after: int, timeout: float) -> None:  # noqa: ASYNC109  # a bound, not a failure
        """Return when more than `after` changes were recorded, or after `timeout` seconds."""


class Lifespan(TypedDict):
    """What the lifespan hands to every request as `request.state`."""

    service: Serving
    meters: Meters
    gate: Gate
    credentials: Credentials


def service_of(request: Request) -> Serving:
    """The service that this request is for."""
    return cast("Serving", request.state.service)


def meters_of(request: Request) -> Meters:
    """The meters of this process."""
    return cast("Meters", request.state.meters)


def gate_of(request: Request) -> Gate:
    """Through which deliveries come in."""
    return cast("Gate", request.state.gate)
