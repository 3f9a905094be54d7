"""memory/reading.py."""

import pytest

from domain.decision import Allowed
from domain.errors import NotFound
from domain.store import Reading
from memory.store import Store
from tests.stores import HandClock, alert, claimed, episode, event, intent, opened


async def test_it_is_reading(store: Store) -> None:
    """The store offers the whole port."""
    assert isinstance(store, Reading)


async def test_incidents_newest_first(store: Store, clock: HandClock) -> None:
    """Bounded, and by status where asked."""
    ids = []
    for name in "abc":
        ids.append(await opened(store, name))
        clock.tick(1)
    await store.finish(ids[2], "resolved", "", None)

    assert [row.id for row in await store.incidents(limit=2)] == [ids[2], ids[1]]
    assert [row.id for row in await store.incidents(limit=9, status="open")] == [ids[1], ids[0]]
    assert [row.id for row in await store.incidents(limit=9, status="done")] == [ids[2]]


async def test_a_timeline_goes_on_where_it_was_left(store: Store) -> None:
    """Events after a seq, oldest first; an unknown incident has none to show."""
    incident = await opened(store)
    await store.record(incident, event("node", "one"))
    seq = (await store.timeline(incident))[-1].seq
    await store.record(incident, event("node", "two"))

    assert [line.text for line in await store.timeline(incident, after=seq)] == ["two"]
    with pytest.raises(NotFound):
        await store.timeline("nobody")


async def test_changes_of_all_incidents(store: Store) -> None:
    """In the ledger's order, bounded, with their incident."""
    one, two = await opened(store, "one"), await opened(store, "two")
    await store.record(one, event("node"))
    first = await store.changes(after=0, limit=2)
    rest = await store.changes(after=first[-1][1].seq, limit=9)

    assert [incident for incident, _ in first + rest] == [one, two, one]


async def test_stats_count_everything(store: Store, clock: HandClock) -> None:
    """By status, outcome, severity, remedy and refusing rule; averages over what was resolved."""
    one, two = await opened(store, "one"), await opened(store, "two")
    await store.reserve([intent(one, fence=await claimed(store, one))], lambda _: Allowed())
    for _ in range(2):
        refused = {"kind": "refused", "rule": "caps"}
        await store.record(two, event("policy", data={**refused}))
    clock.tick(3)
    await store.finish(one, "resolved", "healed", None)
    await store.pause("stop", by="ann")
    stats = await store.stats()

    assert (stats.incidents, stats.by_status) == (2, {"open": 1, "waiting": 0, "done": 1})
    assert (stats.by_outcome, stats.by_severity) == ({"resolved": 1}, {"critical": 2})
    assert (stats.actions, stats.refused) == ({"restart": 1}, {"caps": 1})
    assert stats.avg_resolution_s == pytest.approx(3)
    assert (stats.outbox_behind, stats.queue_depth, stats.paused) == (4, 2, "stop")


async def test_stats_of_nothing(store: Store) -> None:
    """An empty store has zeros and no average."""
    stats = await store.stats()

    assert (stats.incidents, stats.avg_resolution_s, stats.paused) == (0, None, "")


async def test_the_kill_switch(store: Store) -> None:
    """It holds until it is lifted; the newest reason counts, and there always is one."""
    await store.pause("first", by="ann")
    await store.pause("  ", by="bob")
    assert await store.paused() == "paused by bob"
    await store.resume(by="ann")
    await store.resume(by="ann")

    assert await store.paused() == ""
    assert [line.kind for line in await store.lines()] == ["pause", "pause", "resume"]


async def test_episodes_in_the_order_they_were_learned(store: Store) -> None:
    """Row numbers let an index go on where it stopped."""
    for one in await store.accept([alert(name) for name in "abc"]):
        await store.finish(one, "resolved", "", episode(one))
    (first, _), *_ = await store.episodes(after=0, limit=1)
    rest = await store.episodes(after=first, limit=9)

    assert [number for number, _ in rest] == [first + 1, first + 2]
    assert await store.episode_count() == 3
