"""Incidents of guests from alert to end over Proxmox' API as servers really answer it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nightshift.testing import FixedRulebook, container, firing, open_world
from tests.graph.driving import Service
from tests.proxmox_rig import Rig, rig, shop
from tools.runbooks import load


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """A world whose time stands still between steps; no container has to do with it."""
    async with open_world(tmp_path, container("other")) as world:
        world.rulebook = FixedRulebook(load().match)
        world.limit(guest_scope=["*"])
        world.metrics = None
        yield Service(world)


@pytest.fixture
async def shopped(service: Service) -> AsyncIterator[Rig]:
    """The shop, whose guests are those of the service."""
    async with rig(shop(clock=service.world.clock)) as made:
        service.world.guests = made.proxmox  # type: ignore[assignment]  # the port, not the fake
        yield made


@pytest.mark.parametrize("told", [{"uptime": 0}, {"uptime": None}])
async def test_a_start_is_proved_without_an_uptime(
    service: Service, shopped: Rig, told: dict[str, Any]
) -> None:
    """It runs and stays so: healed, and memory learns that the start did it."""
    shopped.standin.twist("status/current$", lambda row: {**row, **told})
    shopped.cluster.break_("web", "stopped")
    incident = await service.end(await service.alert(firing("GuestDown", id="lxc/101")))

    assert (incident.outcome, shopped.sent()) == ("resolved", ["start_guest web"])
    assert [one.verdict for one in incident.attempts] == ["healed"]
