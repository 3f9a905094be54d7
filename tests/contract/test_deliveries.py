"""memory/deliveries.py: what every backend must do between a 202 and an incident."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, select

from domain.errors import NotStored, Unsortable
from memory.arriving import MOST_UNSORTED
from memory.deliveries import MOST
from memory.store import Store, open_store
from memory.tables import deliveries, inbox
from tests.stores import CHANNELS, START, HandClock, alert, kinds


async def unsorted(store: Store) -> int:
    """How many alerts wait to be sorted."""
    return (await store.stats()).unsorted


async def spoil(store: Store) -> None:
    """A row that no program can sort."""

    def write(connection: Connection) -> None:
        row = {"tenant": "default", "received_at": START, "size": 1, "alerts": "[{}]"}
        connection.execute(insert(deliveries), row)

    await store.database.write(write)


async def test_it_is_kept_until_it_is_sorted(store: Store) -> None:
    """Durable as it came; an incident with a job once it is sorted, and then kept no longer."""
    await store.deliver([alert("a"), alert("b")])
    before = await store.stats()
    done = await store.sort_next()
    after = await store.stats()

    assert (before.unsorted, before.incidents, before.queue_depth) == (2, 0, 0)
    assert (done.alerts, done.more) == (2, False)
    assert (after.unsorted, after.incidents, after.queue_depth) == (0, 2, 2)


async def test_sorted_is_like_accepted(store: Store) -> None:
    """The same incident, timeline and inbox as if it had come by `accept`."""
    await store.deliver([alert()])
    await store.sort_waiting()
    (incident,) = await store.accept([alert()])
    rows = await store.database.read(lambda c: c.execute(select(inbox.c.deliveries)).all())

    assert await kinds(store, incident) == ["received"]
    assert [tuple(row) for row in rows] == [(2,)]


async def test_the_order_of_deliveries_holds(store: Store) -> None:
    """Fired and resolved is no late firing, whichever way round its neighbours came."""
    for name, first, second in (("a", "firing", "resolved"), ("b", "resolved", "firing")):
        await store.deliver([alert(name, status=first)])  # type: ignore[arg-type]  # of the two
        await store.deliver([alert(name, status=second)])  # type: ignore[arg-type]  # the same
    await store.sort_waiting()
    rows = {row.alert.fingerprint: row.id for row in await store.incidents(limit=9)}
    told = {name: (await store.timeline(one))[-1].text for name, one in rows.items()}

    assert told == {
        "print-a": "the alert's source says it is resolved",
        "print-b": "it was resolved before it got here",
    }


async def test_accepting_overtakes_nothing(store: Store) -> None:
    """What was delivered before is sorted before."""
    await store.deliver([alert()])
    (incident,) = await store.accept([alert(status="resolved")])

    assert await kinds(store, incident) == ["received", "resolved_upstream"]


async def test_many_at_once_are_few_commits(store: Store) -> None:
    """Deliveries that wait for the disk together are written down together."""
    commits: list[int] = []
    event.listen(store.database.writer, "commit", lambda _: commits.append(1))
    await asyncio.gather(*(store.deliver([alert(f"n{number}")]) for number in range(50)))
    written = len(commits)

    assert written <= 3
    assert await unsorted(store) == 50
    await store.sort_waiting()
    assert len(commits) == written + 1


async def test_a_sort_is_bounded_and_parts_no_delivery(store: Store) -> None:
    """So many alerts a transaction, and a delivery of more by itself."""
    await store.deliver([alert(f"n{number}") for number in range(MOST + 50)])
    for name in ("b", "c"):
        await store.deliver([alert(name)])
    found = [await store.sort_next() for _ in range(2)]

    assert [(one.alerts, one.more) for one in found] == [(MOST + 50, True), (2, False)]


async def test_a_failed_sort_leaves_everything(store: Store, monkeypatch: Any) -> None:
    """Either incidents or deliveries: nothing is lost in between, and nothing is there twice."""
    await store.deliver([alert()])
    with monkeypatch.context() as broken:
        broken.setattr(Store, "_store", _fail)
        with pytest.raises(Unsortable):
            await store.sort_next()
    left = await unsorted(store)
    await store.sort_waiting()

    assert (left, (await store.stats()).incidents) == (1, 1)


def _fail(*_: object) -> None:
    raise ValueError("broken half way")


async def test_what_cannot_be_sorted_is_named_and_set_aside(store: Store) -> None:
    """The error names the rows; the one that is set aside is out of the others' way, and kept."""
    await spoil(store)
    await store.deliver([alert()])
    with pytest.raises(Unsortable) as both:
        await store.sort_next()
    with pytest.raises(Unsortable) as one:
        await store.sort_next(1)
    await store.set_aside(one.value.deliveries[0], "no alert")
    await store.sort_waiting()
    stats = await store.stats()

    assert both.value.deliveries[0] == one.value.deliveries[0]
    assert (len(both.value.deliveries), len(one.value.deliveries)) == (2, 1)
    assert (stats.incidents, stats.unsorted, stats.set_aside) == (1, 0, 1)


async def test_what_was_set_aside_can_be_tried_again(store: Store) -> None:
    """A newer program may understand it."""
    await spoil(store)
    with pytest.raises(Unsortable):
        await store.sort_next()
    await store.set_aside(1, "no alert")
    before = await unsorted(store)
    await store.take_back()

    assert (before, await unsorted(store)) == (0, 1)


async def test_accepting_goes_on_beside_what_cannot_be_sorted(store: Store) -> None:
    """A poisoned row costs only itself."""
    await spoil(store)

    assert len(await store.accept([alert()])) == 1


async def test_the_next_process_sorts_what_is_left(place: Path | str, clock: HandClock) -> None:
    """A delivery is in the store and not in the process that took it."""
    async with open_store(place, clock=clock, channels=CHANNELS) as store:
        await store.deliver([alert()])
    async with open_store(place, clock=clock, channels=CHANNELS) as store:
        found = await store.unsorted()
        await store.sort_waiting()

        assert (found, (await store.stats()).incidents) == (True, 1)


async def test_catching_up_sorts_what_this_process_took(store: Store) -> None:
    """Who was answered finds the incident; where nothing came in nothing is asked."""
    await store.deliver([alert()])
    await store.catch_up()

    assert (await store.stats()).incidents == 1
    await store.database.close()
    await store.catch_up()


async def test_a_closed_store_takes_nothing(store: Store) -> None:
    """The sender must hear that it was not stored."""
    await store.database.close()

    with pytest.raises(NotStored):
        await store.deliver([alert()])


async def test_who_gives_up_waiting_stops_nobody(store: Store) -> None:
    """A sender that went away in the middle: its delivery and the others' are stored."""
    gone = asyncio.create_task(store.deliver([alert("gone")]))
    await asyncio.sleep(0)
    gone.cancel()
    await store.deliver([alert("other")])
    await asyncio.gather(gone, return_exceptions=True)

    assert gone.cancelled()
    assert await unsorted(store) == 2


async def test_an_empty_delivery_is_nothing(store: Store) -> None:
    """No row and no wake-up."""
    await store.deliver([])

    assert not await store.unsorted()


async def test_who_writes_for_others_is_cut_short(store: Store) -> None:
    """Nobody waits for ever: they hear that it may not be stored, and the next one goes on."""
    arriving, held = store.kept.arriving, threading.Event()
    arriving.came(MOST_UNSORTED)
    first, *others = (asyncio.create_task(store.deliver([alert(f"n{n}")])) for n in range(4))
    blocking = asyncio.create_task(store.database.write(lambda _: held.wait(30)))
    await asyncio.sleep(0)
    arriving.went(MOST_UNSORTED, more=True)
    for _ in range(3):
        await asyncio.sleep(0)
    first.cancel()
    told = await asyncio.gather(*others, return_exceptions=True)
    held.set()
    await blocking
    await store.deliver([alert("last")])

    assert [type(one) for one in told] == [NotStored] * 3
    assert await unsorted(store) == 5


async def test_who_waits_at_the_door_and_goes(store: Store) -> None:
    """It was not acknowledged and is not stored; the others are let in all the same."""
    arriving = store.kept.arriving
    arriving.came(MOST_UNSORTED)
    tasks = [asyncio.create_task(store.deliver([alert(f"n{n}")])) for n in range(4)]
    await asyncio.sleep(0)
    for gone in tasks[:2]:
        gone.cancel()
    await asyncio.sleep(0)
    arriving.went(MOST_UNSORTED, more=True)
    await asyncio.gather(*tasks[2:])

    assert await unsorted(store) == 2
