"""memory/retention.py."""

from datetime import timedelta

from memory.store import Store
from tests.stores import START, HandClock, opened

LATER = START + timedelta(days=99)


async def closed(store: Store, *names: str) -> list[str]:
    """Incidents that end in this moment."""
    found = [await opened(store, name) for name in names]
    for incident in found:
        await store.finish(incident, "resolved", "all good", None)
    return found


async def asked(store: Store, *, limit: int = 9) -> list[str]:
    """Whose turn it is."""
    return [one.incident for one in await store.closed_next(LATER, limit=limit)]


async def test_oldest_first_and_never_an_open_one(store: Store, clock: HandClock) -> None:
    """By when they ended; what has not ended is not old."""
    await opened(store, "open")
    (one,) = await closed(store, "one")
    clock.tick(60)
    (two,) = await closed(store, "two")

    assert await asked(store) == [one, two]
    assert await store.closed_next(START, limit=9) == []


async def test_the_mark_is_kept_and_only_moves_on(store: Store, clock: HandClock) -> None:
    """What was dealt with does not come again, whoever says less later."""
    await closed(store, "one")
    end = clock.tick(60)
    (two,) = await closed(store, "two")
    await store.mark_closed(START)
    before = await asked(store)
    await store.mark_closed(end)
    await store.mark_closed(START)

    assert before == [two]
    assert await asked(store) == []


async def test_those_of_one_moment_stay_together(store: Store) -> None:
    """A mark between them would lose the second."""
    both = await closed(store, "one", "two")

    assert sorted(await asked(store, limit=1)) == sorted(both)
