"""memory/outbox.py."""

from datetime import timedelta

from domain.store import Draft, Outbox
from memory.outbox import ARRIVAL
from memory.store import Store
from tests.stores import START, HandClock, alert, event, opened


async def drafts(store: Store, channel: str = "console") -> list[Draft]:
    """All that this channel has to bring up to date, once arrivals are no longer held."""
    assert isinstance(store.clock, HandClock)
    store.clock.tick(ARRIVAL.total_seconds())
    return await store.drafts(channel, limit=100)


async def only(store: Store) -> Draft:
    """The one draft there is."""
    (draft,) = await drafts(store)
    return draft


async def test_it_is_an_outbox(store: Store) -> None:
    """The store offers the whole port."""
    assert isinstance(store, Outbox)


async def test_every_channel_gets_a_message(store: Store) -> None:
    """One draft an incident and channel; delivered in one, it is still due in the other."""
    incident = await opened(store)
    draft = await only(store)
    await store.delivered(draft, external_id="m1")

    assert draft == Draft(
        incident=incident, channel="console", version=1, loud=False, external_id=None, tries=0
    )
    assert await drafts(store) == []
    assert len(await drafts(store, "telegram")) == 1


async def test_an_arrival_waits_for_more(store: Store) -> None:
    """In a moment it may be folded; whatever else becomes known is told at once."""
    incident = await opened(store)
    assert await store.drafts("console", limit=10) == []
    await store.record(incident, event("diagnosis"))

    assert len(await store.drafts("console", limit=10)) == 1


async def test_news_makes_a_draft_again(store: Store) -> None:
    """The version counts the events that it must show, and the channel's message is known."""
    incident = await opened(store)
    await store.delivered(await only(store), external_id="m1")
    await store.record(incident, event("node"))
    assert await drafts(store) == []
    await store.record(incident, event("diagnosis"))
    draft = await only(store)

    assert (draft.version, draft.external_id) == (2, "m1")


async def test_news_during_a_delivery_is_not_lost(store: Store) -> None:
    """What happens while a version is on its way makes the next one due."""
    incident = await opened(store)
    draft = await only(store)
    await store.record(incident, event("effect"))
    await store.delivered(draft, external_id="m1")

    assert (await only(store)).version == 2


async def test_news_during_a_delivery_queues_behind_older(store: Store, clock: HandClock) -> None:
    """A busy incident does not keep the others' messages back."""
    busy = await opened(store, "busy")
    draft = await only(store)
    clock.tick(1)
    other = await opened(store, "other")
    await store.record(busy, event("effect"))
    clock.tick(1)
    await store.delivered(draft, external_id="m1")

    assert [draft.incident for draft in await drafts(store)] == [other, busy]


async def test_loud_until_delivered(store: Store) -> None:
    """A call for attention stays loud through softer news, until a version with it is out."""
    incident = await opened(store)
    await store.record(incident, event("approval_requested"))
    await store.record(incident, event("verdict"))
    draft = await only(store)
    await store.delivered(draft, external_id="m1")
    await store.record(incident, event("verdict"))

    assert draft.loud
    assert not (await only(store)).loud


async def test_postponed_is_held_back(store: Store, clock: HandClock) -> None:
    """Until its time, with the tries counted; a delivery forgets them."""
    await opened(store)
    await store.postpone(await only(store), until=START + timedelta(seconds=30), error="429")
    assert await drafts(store) == []
    clock.tick(30)
    draft = await only(store)

    assert draft.tries == 1
    await store.delivered(draft, external_id="m1")
    assert (await store.stats()).outbox_behind == 1


async def test_the_last_pause_asked_for_is_kept(store: Store) -> None:
    """For each channel; an hour at most, whatever a clock that ran ahead once noted."""
    await store.rest("console", until=START + timedelta(seconds=60))
    await store.rest("console", until=START + timedelta(seconds=30))

    await store.rest("late", until=START + timedelta(days=1))

    assert await store.rests_until("late") == START + timedelta(hours=1)
    assert await store.rests_until("console") == START + timedelta(seconds=30)
    assert await store.rests_until("other") is None


async def test_the_oldest_comes_first(store: Store, clock: HandClock) -> None:
    """By the time since which a message is behind, not by the incident's age."""
    first = await opened(store, "first")
    await store.delivered(await only(store), external_id="m1")
    second = await opened(store, "second")
    clock.tick(5)
    await store.record(first, event("diagnosis"))
    clock.tick(5)
    await store.record(second, event("diagnosis"))

    assert [draft.incident for draft in await drafts(store)] == [second, first]
    assert len(await store.drafts("console", limit=1)) == 1


async def test_the_folded_have_no_message(store: Store) -> None:
    """The parent's message tells of them instead; after a reopening they have their own."""
    parent, child = await opened(store, "parent"), await opened(store, "child")
    await store.fold(child, parent)
    assert [(draft.incident, draft.version) for draft in await drafts(store)] == [(parent, 2)]
    await store.finish(parent, "resolved", "healed", None)
    await store.claim(child, ["container:local/child"])

    assert {draft.incident for draft in await drafts(store)} == {parent, child}


async def test_a_message_that_is_out_is_brought_to_its_end(store: Store) -> None:
    """Folded after its first word was sent: that message does not stay open for ever."""
    parent, child = await opened(store, "parent"), await opened(store, "child")
    for draft in await drafts(store):
        await store.delivered(draft, external_id="m")
    await store.fold(child, parent)
    await store.finish(child, "folded", "it was the parent", None)

    assert {draft.incident for draft in await drafts(store)} == {parent, child}


async def test_a_short_recurrence_is_silent(store: Store, clock: HandClock) -> None:
    """The same alert within ten minutes of its end that recovers by itself: no message."""
    first = await opened(store)
    await store.finish(first, "resolved", "healed", None)
    await store.delivered(await only(store), external_id="m1")
    clock.tick(300)
    again = await opened(store)
    assert await drafts(store) == []
    await store.finish(again, "self_resolved", "it runs", None)

    assert await drafts(store) == []


async def test_a_recurrence_that_needs_work_is_told(store: Store, clock: HandClock) -> None:
    """As soon as more than its arrival is known, or after a minute of silence."""
    first = await opened(store)
    await store.finish(first, "resolved", "healed", None)
    await store.delivered(await only(store), external_id="m1")
    again = await opened(store)
    assert await drafts(store) == []
    clock.tick(61)
    assert (await only(store)).incident == again
    await store.record(again, event("diagnosis"))

    assert (await only(store)).version == 2


async def test_a_later_recurrence_is_told(store: Store, clock: HandClock) -> None:
    """Ten minutes after the last end it is an incident like any other."""
    first = await opened(store)
    await store.finish(first, "resolved", "healed", None)
    await store.delivered(await only(store), external_id="m1")
    clock.tick(601)
    again = await opened(store)
    await store.finish(again, "self_resolved", "it runs", None)

    assert (await only(store)).incident == again


async def test_a_repeat_is_no_news(store: Store) -> None:
    """Re-posts and clearings leave the message alone."""
    await opened(store)
    await store.delivered(await only(store), external_id="m1")
    await store.accept([alert(), alert(status="resolved")])

    assert await drafts(store) == []
