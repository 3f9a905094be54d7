"""memory/postgres.py: one writer at a time, whichever process it is in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import psycopg
import pytest
from sqlalchemy import Connection, func, insert, select, text

from domain.decision import Allowed
from domain.errors import Transient
from domain.journal import Claimed
from memory.store import Store, open_store
from memory.tables import counters, events
from tests.stores import CHANNELS, HandClock, alert, claimed, event, intent, key, opened

Pair = tuple[Store, Store]


@pytest.fixture
async def pair(postgres: str, clock: HandClock) -> AsyncIterator[Pair]:
    """Two services, each with its own connections."""
    async with AsyncExitStack() as stack:
        opening = [open_store(postgres, clock=clock, channels=CHANNELS) for _ in range(2)]
        one, other = [await stack.enter_async_context(store) for store in opening]
        yield one, other


async def test_what_one_writes_the_other_reads(pair: Pair) -> None:
    """They are one store."""
    incident = await opened(pair[0])

    assert (await pair[1].incident(incident)).id == incident


async def test_one_chain_of_two_writers(pair: Pair) -> None:
    """Journal lines written at once by two services form one unbroken chain."""
    said = [pair[n % 2].pause(f"r{n}", by="ann") for n in range(40)]
    await asyncio.gather(*said)
    audit = await pair[0].audit()

    assert (audit.broken, audit.lines) == (None, 40)


async def test_fences_never_repeat(pair: Pair) -> None:
    """Claims taken at once by two services have different fences."""
    names = [f"n{number}" for number in range(20)]
    found = await pair[0].accept([alert(name) for name in names])
    claims = await asyncio.gather(
        *(pair[n % 2].claim(one, [key(names[n])]) for n, one in enumerate(found))
    )

    assert len({claim.fence for claim in claims if isinstance(claim, Claimed)}) == 20


async def test_one_target_has_one_holder(pair: Pair) -> None:
    """Of two services that claim the same target at once one gets it."""
    found = await pair[0].accept([alert("a"), alert("b")])
    claims = await asyncio.gather(*(pair[n].claim(one, [key()]) for n, one in enumerate(found)))

    assert sum(isinstance(claim, Claimed) for claim in claims) == 1


async def test_a_cap_holds_across_services(pair: Pair) -> None:
    """Of two reservations at once, the second sees what the first has promised."""
    found = await pair[0].accept([alert("a"), alert("b")])
    promises = [
        intent(one, fence=await claimed(pair[0], one, [key(name)]), name=name)
        for one, name in zip(found, "ab", strict=True)
    ]
    seen: list[int] = []

    def count(standing):  # type: ignore[no-untyped-def]  # a Decide
        seen.append(standing.actions_last_hour)
        return Allowed()

    await asyncio.gather(*(pair[n].reserve([one], count) for n, one in enumerate(promises)))

    assert sorted(seen) == [0, 1]


async def test_events_come_in_the_order_of_their_numbers(pair: Pair) -> None:
    """Who follows the timeline by number misses nothing: no smaller one appears later."""
    incident = await opened(pair[0])
    misses: list[int] = []

    async def follow() -> None:
        highest = 0
        for _ in range(60):
            rows = await pair[0].database.read(lambda c: list(c.scalars(select(events.c.seq))))
            misses.extend(one for one in rows if one <= highest and one not in known)
            known.update(rows)
            highest = max([highest, *rows])

    known: set[int] = set()
    talk = [pair[n % 2].record(incident, event("evidence", f"{n}")) for n in range(60)]
    await asyncio.gather(follow(), *talk)

    assert misses == []


async def test_a_change_wakes_the_other_service(pair: Pair) -> None:
    """Whoever waits hears of what another process wrote, without looking."""
    seen = pair[1].change_count
    waiting = asyncio.create_task(pair[1].wait_change(seen, timeout=10.0))
    await opened(pair[0])

    async with asyncio.timeout(5):
        assert await waiting > seen


async def test_readers_cannot_write(pair: Pair) -> None:
    """The readers' connections refuse; it is Transient and says why, without values."""
    with pytest.raises(Transient, match="read-only") as caught:
        await pair[0].database.read(_count, "secret-name")

    assert "secret-name" not in str(caught.value)


async def test_a_commit_is_durable_whatever_the_server_says(pair: Pair) -> None:
    """The session asks for it itself, and for an end of its own frozen transactions."""

    def settings(connection: Connection) -> list[object]:
        names = ("synchronous_commit", "lock_timeout", "idle_in_transaction_session_timeout")
        return [connection.execute(text(f"SHOW {name}")).scalar() for name in names]

    assert await pair[0].database.write(settings) == ["on", "2s", "10s"]


async def test_a_lost_connection_is_made_again(pair: Pair, postgres: str) -> None:
    """After a restart of the server the next transaction works."""
    await opened(pair[0])
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'nightshift' AND datname = current_database()"
        )

    await opened(pair[0], "again")


def _count(connection: Connection, name: str) -> int:
    connection.execute(insert(counters).values(name=name, value=1))
    return connection.scalar(select(func.count()).select_from(counters)) or 0
