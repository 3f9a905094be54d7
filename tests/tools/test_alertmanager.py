"""Silences, asked of a stand-in over real HTTP."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import Permanent, Transient
from domain.silence import Silences as SilencesPort
from lab.standins.faults import FaultInjector, Faults
from lab.standins.serving import serving
from lab.standins.silences import Silences, alertmanager_api
from tools.alertmanager import AlertmanagerSilences

NOW = datetime.now(UTC)


def body(**changes: Any) -> dict[str, Any]:
    """A silence as Alertmanager's page posts it, for an hour from a minute ago."""
    known = {
        "matchers": [{"name": "name", "value": "web|db", "isRegex": True, "isEqual": True}],
        "startsAt": (NOW - timedelta(minutes=1)).isoformat(),
        "endsAt": (NOW + timedelta(hours=1)).isoformat(),
        "createdBy": "ann",
        "comment": "upgrade",
    }
    return {**known, **changes}


@pytest.fixture
def silences() -> Silences:
    """Those that people have set."""
    return Silences()


@pytest.fixture
def faults() -> Faults:
    """What goes wrong on the way."""
    return Faults()


@pytest.fixture
async def port(silences: Silences, faults: Faults) -> AsyncIterator[AlertmanagerSilences]:
    """The adapter over the stand-in."""
    app = FaultInjector(alertmanager_api(silences, list), faults)
    async with serving(app) as url, AlertmanagerSilences(url, timeout_s=1.0) as adapter:
        yield adapter


async def test_it_is_the_port(port: AlertmanagerSilences) -> None:
    """It has everything that nodes ask of it."""
    assert isinstance(port, SilencesPort)


async def test_active_ones_are_told(port: AlertmanagerSilences, silences: Silences) -> None:
    """Not those that are over or have not begun."""
    silences.add(body())
    silences.expire(silences.add(body()))
    silences.add(body(startsAt=(NOW + timedelta(minutes=30)).isoformat()))
    (found,) = await port.active()

    assert (found.by, found.comment) == ("ann", "upgrade")
    assert [(one.name, one.value, one.pattern, one.equal) for one in found.matchers] == [
        ("name", "web|db", True, True)
    ]


@pytest.mark.parametrize("fault", [{"status": 503}, {"disconnect": "before"}, {"delay_s": 5}])
async def test_out_of_reach_is_transient(
    port: AlertmanagerSilences, faults: Faults, fault: dict[str, Any]
) -> None:
    """Slow, broken and gone are no "nobody silenced it"."""
    faults.add("/api/v2/silences", **fault)
    with pytest.raises(Transient, match="Alertmanager"):
        await port.active()


async def test_something_else_is_permanent() -> None:
    """What is not Alertmanager tells no silences."""
    async with (
        serving(alertmanager_api(Silences(), list)) as url,
        AlertmanagerSilences(f"{url}/elsewhere") as adapter,
    ):
        with pytest.raises(Permanent, match="ALERTMANAGER_URL"):
            await adapter.active()
