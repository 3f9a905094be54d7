"""Dependencies speak for themselves."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest

from domain.errors import Transient
from nightshift.components import ROOM, components
from nightshift.heard import HeardReasoner
from nightshift.testing import FakeGuests, FixedReasoner, World, open_world
from tests.proxmox_rig import rig
from tests.stores import on_writer


class Usage(NamedTuple):
    """What the system says of a disk."""

    total: int
    used: int
    free: int


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Nothing in it."""
    async with open_world(tmp_path) as world:
        yield world


async def test_only_what_is_configured_is_asked(world: World, tmp_path: Path) -> None:
    """Neither Proxmox nor a model can be degraded where there is none."""
    bare = components(world.store, world.deps, tmp_path, [])
    world.guests = FakeGuests(world.clock)
    world.reasoner = HeardReasoner(FixedReasoner(Transient("x")), world.clock)
    full = components(world.store, world.deps, tmp_path, [])

    assert set(full) - set(bare) == {"proxmox", "model"}


async def test_a_database_that_cannot_be_written_is_not_well(world: World, tmp_path: Path) -> None:
    """Reading works on a read-only disk; accepting an alert would not."""
    on_writer(world.store, "query_only = ON")
    reads = await world.store.paused()

    assert reads == ""
    with pytest.raises(Transient, match="readonly"):
        await components(world.store, world.deps, tmp_path, [])["database"]()


async def test_proving_that_it_writes_changes_nothing(world: World) -> None:
    """It wakes nobody, and what is counted stays."""
    before = (world.store.change_count, await world.store.stats())
    await world.store.prove_writable()

    assert (world.store.change_count, await world.store.stats()) == before


async def test_a_disk_that_fills_is_told_before_it_is_full(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is still time to make room."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10, 10, ROOM - 1))

    assert "127 MiB are free" in await components(world.store, world.deps, tmp_path, [])["disk"]()


async def test_proxmox_says_what_it_lets_us_see(world: World, tmp_path: Path) -> None:
    """One small question; a token that sees nothing is told apart from a cluster that is down."""
    async with rig() as lab:
        world.guests = lab.proxmox  # type: ignore[assignment]  # the adapter stands for the fake
        ask = components(world.store, world.deps, tmp_path, [])["proxmox"]
        well = await ask()
        lab.standin.faults.add("/access/permissions", status=200, body=b'{"data":{}}', times=1)
        blind = await ask()
        lab.standin.faults.add("/", disconnect="before")

        assert (well, blind) == ("ok", "VM.Audit is lacking: no guest can be seen")
        with pytest.raises(Transient):
            await ask()
