"""memory/desired.py."""

from datetime import timedelta

from domain.store import DesiredState
from memory.desired import KEPT, KEPT_OF_ACTION
from memory.store import Store
from tests.stores import START, HandClock, facts, key, seen

WEEK = timedelta(days=7)


async def test_it_is_desired_state(store: Store) -> None:
    """The store offers the whole port."""
    assert isinstance(store, DesiredState)


async def test_events_are_kept_once_in_order(store: Store) -> None:
    """The stream may tell the same event again after a reconnect."""
    stop, start = seen("stop", START), seen("start", START + timedelta(seconds=1))
    await store.saw([start, stop])
    await store.saw([stop, seen("die", START, name="db")])

    assert await store.stop_story(key()) == [stop, start]
    assert await store.last_events() == {"local": start.at}


async def test_no_events_yet(store: Store) -> None:
    """The stream is taken up from wherever the runtime begins to tell."""
    await store.saw([])

    assert (await store.last_events(), await store.stop_story(key())) == ({}, [])


async def test_only_the_last_events_are_kept(store: Store) -> None:
    """A crash loop does not grow the story for ever."""
    deaths = [seen("die", START + timedelta(seconds=n)) for n in range(200)]
    await store.saw(deaths)

    assert await store.stop_story(key()) == deaths[-KEPT:]


async def test_somebodys_stop_outlives_the_noise(store: Store, clock: HandClock) -> None:
    """The last stop stands however many other events follow, and however long ago it was."""
    stop = seen("stop", START)
    await store.saw([stop])
    await store.saw([seen("die", START + timedelta(seconds=n)) for n in range(1, 100)])
    clock.at = START + 2 * WEEK
    await store.saw([seen("health_status", clock.at)])
    story = await store.stop_story(key())

    assert story[0] == stop
    assert len(story) == 1 + KEPT_OF_ACTION + 1


async def test_what_was_destroyed_is_forgotten(store: Store, clock: HandClock) -> None:
    """One-off containers leave no trace after a week; one that came again stays."""
    for name in ("gone", "back"):
        await store.well(facts(name))
        await store.saw([seen("destroy", START, name=name)])
    clock.at = START + WEEK + timedelta(hours=2)
    await store.saw([seen("start", clock.at, name="back")])

    assert await store.stop_story(key("gone")) == []
    assert await store.last_healthy(key("gone")) is None
    assert len(await store.stop_story(key("back"))) == 2


async def test_the_last_healthy_facts(store: Store) -> None:
    """The newest replace the older, for each target."""
    await store.well(facts())
    await store.well(facts(image="app:2"))

    assert await store.last_healthy(key()) == facts(image="app:2")
    assert await store.last_healthy(key("db")) is None


async def test_unchanged_facts_are_not_written_again(file_store: Store, clock: HandClock) -> None:
    """A healthy fleet costs the disk nothing."""
    await file_store.well(facts())
    writes: list[object] = []
    file_store.database.write_quietly = writes.append  # type: ignore[assignment,method-assign]  # a spy
    await file_store.well(facts())

    assert writes == []
