"""memory/together.py."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, event, func, insert, select

from domain.errors import Conflict, Unanswered
from memory.store import Store
from memory.tables import counters
from memory.together import Together, Write


def count(connection: Connection, name: str) -> str:
    """Write one row; the same name twice is an error of the database."""
    connection.execute(insert(counters).values(name=name, value=1))
    return name


def refuse(connection: Connection, name: str) -> str:
    """Write one row, and think better of it."""
    count(connection, name)
    raise Conflict(f"{name} is refused")


def names(connection: Connection) -> set[str]:
    """What is written."""
    return set(connection.scalars(select(counters.c.name)))


@pytest.fixture
async def commits(store: Store) -> list[int]:
    """Grows by one at each commit of the writing thread."""
    found: list[int] = []
    event.listen(store.database.writer, "commit", lambda _: found.append(1))
    return found


async def behind(store: Store, *works: Callable[[Connection], str]) -> list[object]:
    """What each comes to, when all of them had to wait for one write before."""
    held, begun = threading.Event(), threading.Event()

    def hold(_: Connection) -> str:
        begun.set()
        held.wait(5)
        return "held"

    first = asyncio.create_task(store.database.write(hold))
    await asyncio.to_thread(begun.wait, 5)
    rest = [asyncio.create_task(store.database.write(work)) for work in works]
    await asyncio.sleep(0)
    held.set()
    await first
    return list(await asyncio.gather(*rest, return_exceptions=True))


def writes(name: str, how: Callable[[Connection, str], str] = count) -> Callable[[Connection], str]:
    """A write of that row."""
    return lambda connection: how(connection, name)


async def test_what_waits_together_is_committed_together(store: Store, commits: list[int]) -> None:
    """Ten writes behind a slow one take one commit, and each has its own answer."""
    found = await behind(store, *(writes(f"n{number}") for number in range(10)))

    assert found == [f"n{number}" for number in range(10)]
    assert len(commits) == 2


async def test_one_that_fails_costs_only_itself(store: Store) -> None:
    """A refusal reaches its own caller; the others are written, and nothing of it is."""
    found = await behind(store, writes("a"), writes("b", refuse), writes("c"))

    assert [found[0], found[2]] == ["a", "c"]
    assert isinstance(found[1], Conflict)
    assert await store.database.read(names) >= {"a", "c"}
    assert "b" not in await store.database.read(names)


async def test_a_write_whose_caller_has_gone_holds_up_nobody(store: Store) -> None:
    """More of them than a group takes: whoever comes after is written all the same."""
    held = threading.Event()
    first = asyncio.create_task(store.database.write(lambda _: held.wait(5)))
    gone = [asyncio.create_task(store.database.write(writes(f"g{n}"))) for n in range(70)]
    await asyncio.sleep(0)
    for task in gone:
        task.cancel()
    last = asyncio.create_task(store.database.write(writes("last")))
    await asyncio.sleep(0)
    held.set()
    await first

    assert await last == "last"
    assert "last" in await store.database.read(names)


async def test_all_of_a_group_is_on_the_disk_or_none(store: Store) -> None:
    """Where a row cannot be written, its own caller is told, and the count is right."""
    before = await store.database.read(lambda c: c.scalar(select(func.count(counters.c.name))))
    found = await behind(store, writes("twin"), writes("twin"), writes("other"))
    after = await store.database.read(lambda c: c.scalar(select(func.count(counters.c.name))))

    assert sum(isinstance(one, Exception) for one in found) == 1
    assert (after or 0) - (before or 0) == 2


def test_what_may_have_been_written_is_not_written_again(store: Store) -> None:
    """Nobody knows what became of the group: everyone in it is told so, and none runs twice."""
    ran: list[str] = []

    @contextmanager
    def begin() -> Iterator[Connection]:
        with store.database.writer.begin() as connection:
            yield connection
        raise Unanswered("the server went away under a commit")

    together = Together(begin)
    group = [Write(work=writes(name, ran_by(ran)), told=list) for name in ("a", "b")]
    for write in group:
        together.append(write)
    for write in group:
        with pytest.raises(Unanswered, match="went away"):
            together.turn_of(write)

    assert ran == ["a", "b"]


def ran_by(ran: list[str]) -> Callable[[Connection, str], str]:
    """As `count`, and noted."""

    def noted(connection: Connection, name: str) -> str:
        ran.append(name)
        return count(connection, name)

    return noted
