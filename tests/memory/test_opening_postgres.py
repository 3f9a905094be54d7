"""memory/opening_postgres.py, memory/schema_postgres.py: a database of a server."""

import sys
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, insert, text

from domain.errors import BadConfiguration, Conflict, Transient
from memory import migrations, tables
from memory.store import open_store
from tests.stores import CHANNELS, START, HandClock, claimed, intent, opened


async def test_the_first_owner_makes_the_schema(empty_postgres: str, clock: HandClock) -> None:
    """An empty database becomes a store, and what was stored is there at the next start."""
    async with open_store(empty_postgres, clock=clock) as store:
        incident = await opened(store)
    async with open_store(empty_postgres, clock=clock) as store:
        assert (await store.incident(incident)).id == incident
        assert await store.database.read(migrations.version) == migrations.newest()


async def test_a_guest_makes_nothing(empty_postgres: str, clock: HandClock) -> None:
    """The command line needs a store that a service has made."""
    with pytest.raises(BadConfiguration, match="start the service"):
        async with open_store(empty_postgres, clock=clock, owner=False):
            pass


async def test_a_server_out_of_reach(clock: HandClock) -> None:
    """It is named without its password, and counts as a dependency that is down."""
    with pytest.raises(Transient) as caught:
        async with open_store("postgresql://me:hunter2@127.0.0.1:1/x", clock=clock):
            pass

    assert "127.0.0.1:1" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("place", ["postgresql://h:port/x"])
async def test_an_address_that_is_none(place: str, clock: HandClock) -> None:
    """It is refused with an example, not repeated: it may hold a password."""
    with pytest.raises(BadConfiguration, match="postgresql://user") as caught:
        async with open_store(place, clock=clock):
            pass

    assert place not in str(caught.value)


async def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, clock: HandClock) -> None:
    """The sentence names what to install."""
    monkeypatch.delitem(sys.modules, "memory.opening_postgres", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "memory.postgres", raising=False)
    with pytest.raises(BadConfiguration, match=r"nightshift\[postgres\]"):
        async with open_store("postgresql://h/x", clock=clock):
            pass


@pytest.mark.parametrize("verb", ["UPDATE {} SET seq = 9", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
@pytest.mark.parametrize("table", migrations.APPEND_ONLY)
async def test_what_may_only_grow(postgres: str, table: str, verb: str, clock: HandClock) -> None:
    """The server itself refuses a change of the journal and what points into it."""
    async with open_store(postgres, clock=clock, channels=CHANNELS) as store:
        incident = await opened(store)
        promise = intent(incident, fence=await claimed(store, incident))
        await store.pause("stop", by="ann")
        await store.database.write(_filled, promise.key, incident)
        with pytest.raises(Transient, match="append-only"):
            await store.database.write(lambda c: c.execute(text(verb.format(table))))


def _filled(connection: Connection, key: str, incident: str) -> None:
    row = {"key": key, "tenant": "default", "incident": incident, "attempt": 1, "position": 0}
    more = {"remedy": "restart", "target_key": "t", "at": START, "seq": 1}
    connection.execute(insert(tables.intents).values(**row, **more))
    connection.execute(insert(tables.calls).values(key=key, seq=1))
    connection.execute(insert(tables.results).values(key=key, result="done", seq=1))


async def test_a_database_that_cannot_take_all_text(postgres_server: str, clock: HandClock) -> None:
    """Alerts come in any script: another encoding than UTF-8 is refused at the start."""
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    try:
        with pytest.raises(BadConfiguration, match="UTF8"):
            async with open_store(postgres_server.replace("/postgres", "/latin"), clock=clock):
                pass
    finally:
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute("DROP DATABASE latin WITH (FORCE)")


async def test_no_backup_of_a_server(postgres: str, tmp_path: Path, clock: HandClock) -> None:
    """The sentence says what to use instead."""
    async with open_store(postgres, clock=clock) as store:
        with pytest.raises(Conflict, match="pg_dump"):
            await store.backup(tmp_path / "copy")
