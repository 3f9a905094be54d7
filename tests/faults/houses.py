"""What the tests of faults share. Not here: fixtures (conftest.py)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from domain.incident import Incident
from lab.standins.faults import Faults
from lab.standins.prometheus import Prometheus
from tests.test_service_end_to_end import Running, Shop, opened

EVENTS = "/events"


@dataclass(kw_only=True)
class House(Shop):
    """A shop whose Prometheus can be broken too."""

    prometheus: Prometheus

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[Running]:
        """The service in it, well at first."""
        async with opened(self) as running:
            yield running

    async def crash(self, nightshift: Running) -> str:
        """`web` crashes and an alert says so; returns its incident."""
        await self.world.break_("web", "crash")
        return await nightshift.accepted("ContainerDown", "web")

    async def degraded(self, nightshift: Running, component: str) -> str:
        """What `/ready` and, as a number, `/metrics` say of a component."""
        await nightshift.service.look()
        words = (await nightshift.http.get("/ready")).json()["degraded"]
        numbers = (await nightshift.http.get("/metrics")).text
        flag = int(component in words)
        assert f'nightshift_degraded{{component="{component}"}} {flag}.0' in numbers
        return str(words.get(component, ""))


def down(faults: Faults, path: str = "/") -> None:
    """Whoever asks is hung up on."""
    faults.add(path, disconnect="before")


def slow(faults: Faults, path: str = "/", *, by_s: float) -> None:
    """Whoever asks waits for longer than it has patience."""
    faults.add(path, delay_s=by_s)


def lying(faults: Faults, path: str, body: bytes) -> None:
    """Whoever asks is told this, with status 200."""
    faults.add(path, status=200, body=body)


def handed_over(incident: Incident) -> bool:
    """It ended, and a person was called."""
    return incident.status == "done" and incident.outcome == "escalated"
