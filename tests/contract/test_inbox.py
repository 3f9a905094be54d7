"""domain.store.Inbox: what every backend must do with alerts and jobs."""

import asyncio
from datetime import timedelta, timezone

import pytest

from domain.errors import NotFound
from domain.incident import Event
from domain.store import Inbox, Job
from memory.store import Store
from tests.stores import START, HandClock, alert, kinds, opened


async def taken(store: Store) -> Job:
    """The next job, which there must be."""
    job = await store.take()
    assert job is not None
    return job


async def test_it_is_an_inbox(store: Store) -> None:
    """The store offers the whole port."""
    assert isinstance(store, Inbox)


async def test_a_firing_alert_opens_an_incident(store: Store) -> None:
    """A new episode becomes an open incident with one event and one job."""
    incident = await opened(store)
    row = await store.incident(incident)

    assert (row.id, row.status) == (alert().incident_id(tenant="default", occurrence=1), "open")
    assert await kinds(store, incident) == ["received"]
    assert (await taken(store)).why == "alert"


async def test_a_repeat_is_no_second_incident(store: Store) -> None:
    """The same episode posted again belongs to the same incident: no job, no event."""
    first = await store.accept([alert()])
    job = await taken(store)

    assert await store.accept([alert()]) == first
    await store.done(job)
    assert await store.take() is None
    assert await kinds(store, first[0]) == ["received"]


async def test_a_hundred_at_once_are_one_incident(store: Store) -> None:
    """Concurrent deliveries of one episode make one incident with one job."""
    found = await asyncio.gather(*(store.accept([alert()]) for _ in range(100)))

    assert len({incident for (incident,) in found}) == 1
    assert (await store.stats()).incidents == 1
    assert (await store.stats()).queue_depth == 1


async def test_the_same_moment_in_another_zone_is_the_same_episode(store: Store) -> None:
    """Alertmanager tells startsAt in its own zone; that is no new incident."""
    first = await store.accept([alert()])
    there = START.astimezone(timezone(timedelta(hours=2)))

    assert await store.accept([alert(starts_at=there)]) == first


async def test_firing_after_the_end_is_a_new_occurrence(store: Store) -> None:
    """A firing re-post after an outcome opens occurrence 2; it is never swallowed."""
    first = await opened(store)
    await store.finish(first, "resolved", "healed", None)
    second = await opened(store)

    assert second == alert().incident_id(tenant="default", occurrence=2) != first
    assert (await store.incident(second)).cleared_at is None
    assert (await store.incident(second)).occurrence == 2


async def test_resolved_clears_the_open_incident_once(store: Store) -> None:
    """The source's word is kept, told once, and wakes the incident."""
    incident = await opened(store)
    await store.done(await taken(store))
    for _ in range(2):
        assert await store.accept([alert(status="resolved")]) == [incident]

    assert (await store.incident(incident)).cleared_at == START
    assert await kinds(store, incident) == ["received", "resolved_upstream"]
    assert (await taken(store)).why == "cleared"


async def test_resolved_after_the_end_changes_nothing(store: Store) -> None:
    """A late `resolved` belongs to the done incident and wakes nobody."""
    incident = await opened(store)
    await store.done(await taken(store))
    await store.finish(incident, "escalated", "no idea", None)

    assert await store.accept([alert(status="resolved")]) == [incident]
    assert (await store.incident(incident)).cleared_at is None
    assert await store.take() is None


async def test_resolved_before_firing_opens_cleared(store: Store) -> None:
    """Deliveries that overtake each other: the late firing opens with cleared_at set."""
    assert await store.accept([alert(status="resolved")]) == []
    incident = await opened(store)

    assert (await store.incident(incident)).cleared_at == START
    assert await kinds(store, incident) == ["received", "resolved_upstream"]


async def test_resolved_before_firing_in_one_delivery(store: Store) -> None:
    """The order inside a delivery counts as if each alert had come alone."""
    (incident,) = await store.accept([alert(status="resolved"), alert()])

    assert (await store.incident(incident)).cleared_at == START


async def test_ids_come_in_order_without_repeats(store: Store) -> None:
    """One id an incident, in the order of the alerts; none for an orphaned `resolved`."""
    found = await store.accept([alert("b"), alert("a"), alert("b"), alert("c", status="resolved")])

    assert found == [alert(name).incident_id(tenant="default", occurrence=1) for name in "ba"]
    assert await store.accept([]) == []


async def test_a_big_delivery_is_stored_whole(store: Store) -> None:
    """Twelve hundred alerts at once become as many incidents and jobs."""
    found = await store.accept([alert(f"n{number}") for number in range(1200)])

    assert len(set(found)) == 1200
    assert (await store.stats()).queue_depth == 1200


async def test_text_that_no_database_takes(store: Store) -> None:
    """Half a surrogate pair or a NUL in a label does not make a delivery fail for ever."""
    odd = alert(labels={"alertname": "A\0", "name": "\ud83d"})
    poison = odd.model_copy(update={"fingerprint": "print\0\ud83d"})
    first = await store.accept([poison, alert()])

    assert len(first) == 2
    assert await store.accept([poison]) == first[:1]


async def test_jobs_of_one_incident_are_serial(store: Store) -> None:
    """While a job is taken, further jobs of its incident wait; others do not."""
    one, other = await opened(store, "one"), await opened(store, "other")
    job = await taken(store)
    await store.wake(one, why="wake", at=START)

    assert (job.incident, (await taken(store)).incident) == (one, other)
    assert await store.take() is None
    assert await store.next_due() is None
    await store.done(job)
    assert (await taken(store)).incident == one


async def test_due_jobs_collapse_into_the_taken_one(store: Store) -> None:
    """One segment answers all jobs of its incident that were due when it began."""
    incident = await opened(store)
    await store.wake(incident, why="wake", at=START)
    await store.done(await taken(store))

    assert await store.take() is None


async def test_a_job_that_comes_during_a_segment_remains(store: Store) -> None:
    """What is asked while a segment runs is done after it."""
    incident = await opened(store)
    job = await taken(store)
    await store.wake(incident, why="decision", at=START)
    await store.done(job)

    assert (await taken(store)).why == "decision"


async def test_a_stale_done_ends_no_other_job(store: Store) -> None:
    """Ending a job twice never ends the job that came after it."""
    incident = await opened(store)
    job = await taken(store)
    await store.done(job)
    await store.wake(incident, why="wake", at=START)
    await store.done(job)

    assert (await taken(store)).why == "wake"


async def test_a_job_waits_until_it_is_due(store: Store, clock: HandClock) -> None:
    """A timed wake-up holds no worker, and its incident shows as waiting meanwhile."""
    incident = await opened(store)
    job = await taken(store)
    later = START + timedelta(seconds=30)
    await store.wake(incident, why="wake", at=later)
    await store.done(job)

    assert (await store.incident(incident)).status == "waiting"
    assert (await store.take(), await store.next_due()) == (None, later)
    clock.tick(30)
    assert (await taken(store)).incident == incident
    assert (await store.incident(incident)).status == "open"


async def test_the_oldest_due_job_comes_first(store: Store, clock: HandClock) -> None:
    """Nobody starves: the order is by due time."""
    first, second = await opened(store, "first"), await opened(store, "second")
    clock.tick(1)
    third = await opened(store, "third")

    assert [(await taken(store)).incident for _ in range(3)] == [first, second, third]


async def test_workers_never_share_a_job(store: Store) -> None:
    """Fifty takers of twenty jobs get twenty different incidents."""
    await store.accept([alert(f"n{number}") for number in range(20)])
    jobs = [job for job in await asyncio.gather(*(store.take() for _ in range(50))) if job]

    assert len({job.incident for job in jobs}) == len(jobs) == 20


async def test_whoever_waits_for_a_turn_hears_of_one(store: Store) -> None:
    """A job that comes, ends or is given back ends the wait; an event does not."""
    seen, incident = store.turns, await opened(store)
    await store.wait_turn(seen, timeout=60)
    for end in (store.give_back, store.done):
        job, seen = await taken(store), store.turns
        await end(job)
        await store.wait_turn(seen, timeout=60)
    seen = store.turns
    await store.record(incident, Event(kind="error", at=START, text="a note"))
    await store.wait_turn(seen, timeout=0.01)

    assert store.turns == seen


async def test_waking_an_unknown_incident(store: Store) -> None:
    """A job needs its incident."""
    with pytest.raises(NotFound):
        await store.wake("nobody", why="wake", at=START)


async def test_recover_gives_back_what_was_taken(store: Store) -> None:
    """The job of a dead process is there again, once."""
    incident = await opened(store)
    await taken(store)

    assert await store.recover() == 1
    assert (await taken(store)).incident == incident


async def test_recover_resumes_what_has_no_job(store: Store) -> None:
    """An open incident whose job is lost gets one; a done one does not."""
    lost, ended = await opened(store, "lost"), await opened(store, "ended")
    for _ in range(2):
        await store.done(await taken(store))
    await store.finish(ended, "resolved", "healed", None)

    assert await store.recover() == 1
    job = await taken(store)
    assert (job.incident, job.why) == (lost, "resume")


async def test_recover_lets_the_folded_wait(store: Store) -> None:
    """A folded incident is its parent's to wake, not the start's."""
    parent, child = await opened(store, "parent"), await opened(store, "child")
    for _ in range(2):
        await store.done(await taken(store))
    await store.fold(child, parent)
    await store.recover()

    assert (await taken(store)).incident == parent
    assert await store.take() is None


async def test_a_cancelled_take_keeps_no_job(store: Store) -> None:
    """A worker that is cancelled while it takes a job leaves it to the others."""
    incident = await opened(store)
    task = asyncio.create_task(store.take())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (await taken(store)).incident == incident
