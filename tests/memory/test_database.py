"""memory/database.py."""

import asyncio

import pytest
from sqlalchemy import Connection, func, insert, select, text

from domain.errors import NotStored, Transient
from memory.store import Store
from memory.tables import counters
from tests.stores import alert, opened


def count(connection: Connection, name: str) -> None:
    """Write one row."""
    connection.execute(insert(counters).values(name=name, value=1))


def rows(connection: Connection) -> int:
    """How many there are."""
    return connection.scalar(select(func.count()).select_from(counters)) or 0


def fill(connection: Connection) -> None:
    """Let the file grow no further, as on a full disk."""
    pages = connection.execute(text("PRAGMA page_count")).scalar()
    connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")


async def test_a_commit_is_durable(file_store: Store) -> None:
    """WAL with synchronous FULL (2), foreign keys on, a wait for other writers."""

    def pragmas(connection: Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return [connection.execute(text(f"PRAGMA {name}")).scalar() for name in names]

    assert await file_store.database.write(pragmas) == ["wal", 2, 1, 2000]


async def test_a_failing_transaction_leaves_nothing(store: Store) -> None:
    """All or nothing, and the next one works."""

    def torn(connection: Connection) -> None:
        count(connection, "torn")
        raise KeyError

    before = await store.database.read(rows)
    with pytest.raises(KeyError):
        await store.database.write(torn)
    await store.database.write(count, "whole")

    assert await store.database.read(rows) == before + 1


async def test_readers_cannot_write(file_store: Store) -> None:
    """The readers' connections refuse; it is Transient and says why, without values."""
    with pytest.raises(Transient, match="readonly") as caught:
        await file_store.database.read(count, "secret-name")

    assert "secret-name" not in str(caught.value)


async def test_a_full_disk_is_not_acknowledged(file_store: Store) -> None:
    """Accept raises NotStored, leaves nothing, and works again when there is room."""
    await file_store.database.write(fill)
    many = [alert(f"n{number}") for number in range(500)]
    with pytest.raises(NotStored, match="full"):
        await file_store.accept(many)
    assert (await file_store.stats()).incidents == 0
    await file_store.database.write(
        lambda connection: connection.exec_driver_sql("PRAGMA max_page_count=1000000").scalar()
    )

    assert len(await file_store.accept(many)) == 500


async def test_a_cancelled_write_is_whole_and_told(store: Store) -> None:
    """Who waits for changes hears of a commit although its caller has gone."""
    seen = store.change_count
    task = asyncio.create_task(store.accept([alert()]))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await store.wait_change(seen, 5)

    assert (await store.stats()).incidents in (0, 1)
    assert len(await store.accept([alert()])) == 1


async def test_waiters_hear_of_what_was_recorded(store: Store) -> None:
    """A write wakes them; taking a job that is not there does not."""
    seen = store.change_count
    await store.take()
    assert store.change_count == seen
    await opened(store)

    assert await store.wait_change(seen, 60) > seen


async def test_a_closed_store_says_so(store: Store) -> None:
    """Late callers at a shutdown get a Transient."""
    await store.database.close()

    with pytest.raises(Transient, match="closed"):
        await store.take()
