"""doctor's findings on what we keep."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from memory.store import Store, open_store
from nightshift import doctor_store
from nightshift.clock import SystemClock
from nightshift.settings import Settings


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A store as a running service holds it."""
    async with open_store(tmp_path, clock=SystemClock()) as opened:
        yield opened


async def test_a_new_installation_has_no_database_yet(settings: Settings) -> None:
    """That is no fault."""
    (found,) = await doctor_store.database(settings)

    assert (found.state, found.detail) == ("ok", "none yet: the first start makes it")


async def test_it_looks_beside_the_running_service(settings: Settings, store: Store) -> None:
    """The service's lock is not in the way."""
    (found,) = await doctor_store.database(settings)
    (memory,) = await doctor_store.memory_index(settings)

    assert (found.state, memory.state) == ("ok", "ok")


async def test_a_pause_is_told(settings: Settings, store: Store) -> None:
    """Who wonders why nothing happens reads it here."""
    await store.pause("moving", by="ann")

    (found,) = await doctor_store.database(settings)

    assert (found.state, found.mend) == ("warning", "nightshift resume")


async def test_a_degraded_service_is_told(settings: Settings, httpserver: Any) -> None:
    """With the reasons that it gives."""
    state = {"ready": True, "degraded": {"docker": "no answer"}}
    httpserver.expect_request("/ready").respond_with_json(state)
    there = settings.model_copy(update={"nightshift_port": httpserver.port})

    (found,) = await doctor_store.service(there)

    assert (found.state, found.detail) == ("failed", "docker: no answer")


async def test_a_stopped_service_is_only_a_note(settings: Settings) -> None:
    """It is run before the first start, too."""
    (found,) = await doctor_store.service(settings.model_copy(update={"nightshift_port": 9}))

    assert (found.state, found.detail) == ("warning", "not running")


async def test_a_shared_store_without_a_worker(settings: Settings, postgres: str) -> None:
    """Alerts are taken in and nobody acts: that is a failure, and it says what to start."""
    there = settings.model_copy(update={"database_url": SecretStr(postgres)})
    (found,) = await doctor_store.database(there)
    (memory,) = await doctor_store.memory_index(there)

    assert (found.state, memory.state) == ("failed", "ok")
    assert "no living worker" in found.detail
    assert "nightshift worker" in found.mend


async def test_a_shared_store_with_workers(settings: Settings, postgres: str) -> None:
    """They are counted."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("SELECT procrastinate_register_worker_v1()")
    there = settings.model_copy(update={"database_url": SecretStr(postgres)})
    (found,) = await doctor_store.database(there)

    assert (found.state, found.detail) == (
        "ok",
        "0 incidents, 1 living workers, 0 waiting jobs",
    )
