from memory.digests import QUIET, RING
from memory.store import Store
from tests.stores import HandClock, alert, event, opened

LOUD = event("outcome", "gave up", {"outcome": "escalated"})


async def gathered(store: Store, *names: str) -> list[str]:
    """Incidents that a digest speaks for."""
    ids = [await opened(store, name) for name in names]
    for one in ids:
        await store.record(one, event("diagnosis"))
    await store.gather(await store.drafts("console", limit=99))
    return ids


async def test_who_is_gathered_is_delivered(store: Store) -> None:
    """No draft is left of them, and one digest is behind for all."""
    await gathered(store, "a", "b", "c")
    (digest,) = await store.digests("console")
    said = await store.gathered(digest, limit=9)

    assert await store.drafts("console", limit=9) == []
    assert said.counts == {"open": 3}
    assert (digest.external_id, digest.loud) == (None, False)


async def test_channels_have_their_own(store: Store) -> None:
    """What one channel gathers is still to be told by the other."""
    await gathered(store, "a", "b")

    assert len(await store.drafts("telegram", limit=9)) == 2
    assert await store.digests("telegram") == []


async def test_a_change_of_a_member_brings_it_behind(store: Store) -> None:
    """It is edited when one of its incidents goes on, and is the same digest."""
    first, _ = await gathered(store, "a", "b")
    (digest,) = await store.digests("console")
    await store.digest_out(digest, external_id="m1")
    before = await store.digests("console")
    await store.finish(first, "resolved", "healed", None)
    await store.gather(await store.drafts("console", limit=9))
    (again,) = await store.digests("console")

    assert before == []
    assert (again.id, again.external_id) == (digest.id, "m1")
    assert (await store.gathered(again, limit=9)).counts == {"open": 1, "resolved": 1}


async def test_it_rings_now_and_then(store: Store, clock: HandClock) -> None:
    """At once for the first that needs somebody, then not before some minutes are over."""
    first, second = await gathered(store, "a", "b")
    heard = []
    for one in (first, second):
        clock.tick(1)
        await store.record(one, LOUD)
        await store.gather(await store.drafts("console", limit=9))
        (digest,) = await store.digests("console")
        heard.append(digest.loud)
        await store.digest_out(digest, external_id="m1")
    clock.tick(RING.total_seconds())
    (late,) = await store.digests("console")

    assert heard == [True, False]
    assert late.loud


async def test_a_quiet_one_is_closed(store: Store, clock: HandClock) -> None:
    """The next storm has a digest of its own; the old one still tells of its own incidents."""
    await gathered(store, "a")
    (old,) = await store.digests("console")
    await store.digest_out(old, external_id="m1")
    clock.tick(QUIET.total_seconds() + 1)
    open_still = await store.gathering("console")
    await gathered(store, "b")
    (new,) = await store.digests("console")

    assert not open_still
    assert new.id != old.id


async def test_questions_and_folded_alerts_are_told(store: Store, clock: HandClock) -> None:
    """Who asks is named, so that each can be answered; alerts that folded are counted."""
    asks, parent = await gathered(store, "a", "b")
    expires = clock.tick(60)
    clock.tick(-60)
    await store.ask(asks, digest="d", request={}, expires_at=expires)
    (child,) = await store.accept([alert("c")])
    await store.fold(child, parent)
    (digest,) = await store.digests("console")
    said = await store.gathered(digest, limit=9)

    assert [one.id for one in said.asking] == [asks]
    assert said.belonging == 1


async def test_held_back_is_held_back(store: Store, clock: HandClock) -> None:
    """A channel that asked for a pause gets it."""
    await gathered(store, "a")
    (digest,) = await store.digests("console")
    await store.hold_back(digest, until=clock.now().replace(year=2030))

    assert await store.digests("console") == []
