import pytest
from sqlalchemy import Connection, select

from domain.errors import Conflict, NotFound
from memory.store import Store
from memory.tables import journal
from tests.stores import HandClock, key, opened

HOUR = 3600.0


async def test_a_latch_is_told_once(store: Store) -> None:
    """Latched again, by whomever, it stays the first one's."""
    first, second = await opened(store), await opened(store, "db")
    await store.latch(first, key(), "it comes and goes")
    await store.latch(second, key(), "once more")
    found = await store.latched(key())

    assert found
    assert (found.incident, found.reason) == (first, "it comes and goes")


async def test_quiet_lifts_it(store: Store, clock: HandClock) -> None:
    """The window without trouble is over: free; trouble in between begins it anew."""
    incident = await opened(store)
    await store.latch(incident, key(), "it comes and goes")
    clock.tick(HOUR * 0.9)
    await store.latched_again(key(), remind_s=9 * HOUR)
    clock.tick(HOUR * 0.9)
    still = await store.latched(key())
    clock.tick(HOUR * 0.2)

    assert still
    assert still.cycles == 1
    assert await store.latched(key()) is None
    assert await store.latches() == []


async def test_a_reminder_is_loud_and_rare(store: Store, clock: HandClock) -> None:
    """As often as it may be, and only then."""
    incident = await opened(store)
    await store.latch(incident, key(), "it comes and goes")
    for _ in range(6):
        clock.tick(600)
        await store.latched_again(key(), remind_s=1800)
    kinds = [event.kind for event in await store.timeline(incident)]
    drafts = await store.drafts("console", limit=9)

    assert kinds.count("reminded") == 2
    assert [draft.loud for draft in drafts] == [True]


async def test_who_unlatched_is_in_the_journal(store: Store) -> None:
    """Both the latch and its end are part of the audit trail."""
    incident = await opened(store)
    await store.latch(incident, key(), "it comes and goes")
    await store.unlatch("web", by="ann")

    def kinds(connection: Connection) -> list[str]:
        return list(connection.scalars(select(journal.c.kind).order_by(journal.c.seq)))

    assert await store.database.read(kinds) == ["latch", "unlatch"]
    assert await store.latched(key()) is None


async def test_a_name_of_two_is_not_enough(store: Store) -> None:
    """On two hosts: the whole key has to be said."""
    incident = await opened(store)
    for host in ("attic", "cellar"):
        await store.latch(incident, f"container:{host}/web", "it comes and goes")
    with pytest.raises(Conflict, match="container:attic/web"):
        await store.unlatch("web", by="ann")
    freed = await store.unlatch("container:attic/web", by="ann")

    assert freed.target_key == "container:attic/web"
    assert len(await store.latches()) == 1


async def test_a_free_one_cannot_be_freed(store: Store) -> None:
    """A typing error is told."""
    with pytest.raises(NotFound):
        await store.unlatch("web", by="ann")
