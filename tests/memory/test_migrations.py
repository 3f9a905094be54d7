"""memory/migrations.py."""

from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, text

from domain.errors import BadConfiguration, NightshiftError
from memory import migrations
from memory.store import open_store
from tests.stores import HandClock, opened


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where a store of each kind may be."""
    if request.param == "sqlite":
        return tmp_path
    address: str = request.getfixturevalue("postgres")
    return address


def colour(connection: Connection) -> None:
    """A step of a later release."""
    connection.execute(text("ALTER TABLE incidents ADD COLUMN colour TEXT DEFAULT 'grey'"))


async def test_an_old_store_is_brought_up_to_date(
    place: Path | str, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each missing step runs once, and nothing is lost."""
    async with open_store(place, clock=clock) as store:
        incident = await opened(store)
    monkeypatch.setattr(migrations, "STEPS", [*migrations.STEPS, colour])
    for _ in range(2):
        async with open_store(place, clock=clock) as store:
            found = await store.database.read(migrations.version)
            assert (await store.incident(incident)).id == incident

    assert found == migrations.newest()


async def test_a_failed_step_leaves_the_old_schema(
    place: Path | str, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either all steps or none: the old program can start again."""

    def broken(connection: Connection) -> None:
        connection.execute(text("ALTER TABLE nothing ADD COLUMN x TEXT"))

    async with open_store(place, clock=clock):
        pass
    old = migrations.newest()
    with monkeypatch.context() as later:
        later.setattr(migrations, "STEPS", [*migrations.STEPS, colour, broken])
        with pytest.raises(NightshiftError):
            async with open_store(place, clock=clock):
                pass
    async with open_store(place, clock=clock) as store:
        assert await store.database.read(migrations.version) == old


async def test_a_newer_store_is_refused(
    place: Path | str, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old program does not write into what it does not know."""
    with monkeypatch.context() as later:
        later.setattr(migrations, "STEPS", [*migrations.STEPS, colour])
        async with open_store(place, clock=clock):
            pass
    with pytest.raises(BadConfiguration, match="schema version"):
        async with open_store(place, clock=clock):
            pass


async def test_the_command_line_migrates_nothing(
    place: Path | str, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a service of another version it refuses to work."""
    async with open_store(place, clock=clock):
        pass
    monkeypatch.setattr(migrations, "STEPS", [*migrations.STEPS, colour])
    with pytest.raises(BadConfiguration, match="start the service"):
        async with open_store(place, clock=clock, owner=False):
            pass


def shape(connection: Connection) -> dict[str, object]:
    """Tables with their columns and indexes, and what refuses to change them."""
    seen = inspect(connection)
    told: dict[str, object] = {
        name: (
            sorted(
                (str(one["name"]), str(one["type"]), one["nullable"])
                for one in seen.get_columns(name)
            ),
            sorted(str(one["name"]) for one in seen.get_indexes(name)),
        )
        for name in seen.get_table_names()
    }
    triggers = connection.scalars(text(TRIGGERS[connection.dialect.name]))
    return {**told, "triggers": sorted(triggers)}


TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT DISTINCT trigger_name FROM information_schema.triggers",
}


async def test_a_migrated_store_is_like_a_new_one(place: Path | str, clock: HandClock) -> None:
    """All released steps lead from the first schema to the present one."""
    async with open_store(place, clock=clock) as store:
        new = await store.database.read(shape)
        await store.database.write(undone)
    async with open_store(place, clock=clock) as store:
        assert await store.database.read(shape) == new


def undone(connection: Connection) -> None:
    """Back to the schema of version 1."""
    for table in ("model_calls", "calls", "latches", "digests", "deliveries"):
        connection.execute(text(f"DROP TABLE {table}"))
    connection.execute(text("DELETE FROM schema_version"))
    connection.execute(text("INSERT INTO schema_version (version, at) VALUES (1, 0)"))
