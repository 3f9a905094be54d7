"""domain.ports.Ledger: what every backend must do for the nodes."""

import asyncio
from datetime import timedelta

import pytest

from domain.decision import Allowed, Approval, NeedsApproval, Refused
from domain.errors import Conflict, NotFound
from domain.evidence import Evidence
from domain.incident import Event, Outcome
from domain.journal import Claimed, EffectResult, HeldBy, Standing
from domain.ports import Ledger
from memory.store import Store
from tests.stores import (
    START,
    HandClock,
    alert,
    attempt,
    claimed,
    episode,
    event,
    intent,
    key,
    kinds,
    opened,
    target,
)


def yes(_: Standing) -> Allowed:
    """A policy that allows."""
    return Allowed()


def no(_: Standing) -> Refused:
    """A policy that refuses."""
    return Refused(rule="caps", reason="enough")


class Watching:
    """A policy that allows, and remembers what it was shown."""

    def __init__(self) -> None:
        self.shown: list[Standing] = []

    def __call__(self, standing: Standing) -> Allowed:
        """Allow."""
        self.shown.append(standing)
        return Allowed()


def done() -> EffectResult:
    """An effect that took place."""
    return EffectResult(result="done", detail="restarted", at=START)


DID = Event(kind="effect", at=START, text="restart web: restarted", data={})


def observation(id_: str = "logs@1", **data: str) -> Evidence:
    """One look at the logs."""
    return Evidence(
        id=id_,
        kind="logs",
        source="docker",
        status="ok",
        query="logs",
        at=START,
        summary="lines",
        data={**data},
    )


async def test_it_is_a_ledger(store: Store) -> None:
    """The store offers the whole port."""
    assert isinstance(store, Ledger)


async def test_an_unknown_incident_is_not_found(store: Store) -> None:
    """Nothing is written for what is not there."""
    for asked in (
        store.incident("x"),
        store.record("x", event("node")),
        store.update("x", target=target()),
        store.keep_evidence("x", [observation()]),
        store.claim("x", [key()]),
        store.fold("x", "y"),
        store.finish("x", "failed", "", None),
        store.reserve([intent("x", fence=1)], yes),
    ):
        with pytest.raises(NotFound):
            await asked


async def test_update_sets_only_what_is_given(store: Store) -> None:
    """None leaves a field as it is."""
    incident = await opened(store)
    await store.update(incident, target=target())
    await store.update(incident, attempts=[attempt("pending")])
    row = await store.incident(incident)

    assert (row.target, row.attempts) == (target(), [attempt("pending")])
    assert (row.diagnosis, row.verdict, row.alert) == (None, None, alert())


async def test_the_newest_that_people_were_told(store: Store, clock: HandClock) -> None:
    """Of a target's incidents, the last one that ended with people; no other end counts."""
    ids = await store.accept([alert(name) for name in ("a", "b", "c", "d")])
    for one in ids:
        await store.update(one, target=target())
    ends: tuple[Outcome, ...] = ("escalated", "denied", "resolved")
    for one, outcome in zip(ids, ends, strict=False):
        await store.finish(one, outcome, "", None)
        clock.tick(60)
    told = await store.told(key())

    assert told
    assert told.id == ids[1]
    assert await store.told(key("db")) is None


async def test_who_healed_last(store: Store, clock: HandClock) -> None:
    """Of several targets' incidents the newest that healed; an end that lies ahead is none."""
    ids = await store.accept([alert(name) for name in ("a", "b", "c", "d", "open")])
    for one, name in zip(ids, ("web", "db", "web", "web", "web"), strict=True):
        await store.update(one, target=target(name))
    ends: tuple[Outcome, ...] = ("resolved", "resolved", "self_resolved", "resolved")
    at = []
    for one, outcome in zip(ids, ends, strict=False):
        at.append(clock.now())
        await store.finish(one, outcome, "", None)
        clock.tick(60)
    clock.tick(-120)

    assert await store.last_healed([key("web")]) == at[0]
    assert await store.last_healed([key("web"), key("db")]) == at[1]
    assert await store.last_healed([key("nobody")]) is await store.last_healed([]) is None


async def test_the_newest_evidence_is_kept_and_given_in_order(store: Store) -> None:
    """A run that observes again after a crash is not held to what was seen before it."""
    incident = await opened(store)
    first, second = observation(line="one"), observation("stats@1")
    assert await store.keep_evidence(incident, [first, second]) == ["logs@1", "stats@1"]
    await store.keep_evidence(incident, [latest := observation(line="two")])

    assert await store.evidence(incident, ["stats@1", "logs@1"]) == [second, latest]
    with pytest.raises(NotFound, match="probe@1"):
        await store.evidence(incident, ["probe@1"])


async def test_a_claim_is_held_by_one(store: Store) -> None:
    """The second incident learns who holds the target."""
    one, other = await opened(store, "one"), await opened(store, "other")
    await claimed(store, one)

    assert await store.claim(other, [key()]) == HeldBy(incident=one, target_key=key())
    assert await store.holder(key()) == one
    assert await store.holder(key("free")) is None


async def test_holders_are_told_together(store: Store) -> None:
    """Of several targets those that are held, each with its own incident."""
    one, other = await opened(store, "one"), await opened(store, "other")
    await claimed(store, one, [key("a")])
    await claimed(store, other, [key("b")])
    held = await store.holders([key("a"), key("b"), key("c")])

    assert held == {key("a"): one, key("b"): other}


async def test_what_is_known_is_told_with_it(store: Store) -> None:
    """One transaction: where the incident is nobody's, neither is left behind."""
    incident, found = await opened(store), target()
    event = Event(kind="evidence", at=START, text="seen", data={})
    await store.update(incident, target=found, event=event)
    row, story = await store.story(incident)

    assert (row.target, story[-1].text) == (found, "seen")
    assert story == await store.timeline(incident)
    with pytest.raises(NotFound):
        await store.update("nobody", event=event)
    with pytest.raises(NotFound):
        await store.story("nobody")


async def test_what_was_seen_is_kept_with_what_is_told(store: Store) -> None:
    """Evidence and the word about it are one transaction."""
    incident, seen = await opened(store), observation()
    told = Event(kind="evidence", at=START, text="seen", data={})
    await store.update(incident, evidence=[seen], event=told)

    assert await store.evidence(incident, [seen.id]) == [seen]
    assert (await store.timeline(incident))[-1].text == "seen"


async def test_what_was_learned_is_told_before_the_outcome(store: Store) -> None:
    """In the transaction that ends it, once."""
    incident = await opened(store)
    learned = Event(kind="learned", at=START, text="crash: start", data={})
    for _ in range(2):
        await store.finish(incident, "resolved", "healed", None, event=learned)

    assert [one.kind for one in await store.timeline(incident)][-2:] == ["learned", "outcome"]


async def test_a_claim_again_keeps_its_fence(store: Store) -> None:
    """Asking again, also for more targets, changes no fence."""
    incident = await opened(store)
    fence = await claimed(store, incident)

    assert await store.claim(incident, [key()]) == Claimed(fence=fence)
    assert await store.claim(incident, [key(), key("db")]) == Claimed(fence=fence)
    assert await store.holder(key("db")) == incident


async def test_a_claim_is_all_or_none(store: Store) -> None:
    """One held target is enough to get none of the others."""
    one, other = await opened(store, "one"), await opened(store, "other")
    await claimed(store, one, [key("b")])
    refused = await store.claim(other, [key("c"), key("b"), key("a")])

    assert refused == HeldBy(incident=one, target_key=key("b"))
    assert [await store.holder(key(name)) for name in "abc"] == [None, one, None]


async def test_a_claim_heeds_what_it_does_not_take(store: Store) -> None:
    """Nothing is taken while another holds what was named beside it; one's own is no hindrance."""
    one, other = await opened(store, "one"), await opened(store, "other")
    await claimed(store, one, [key("b")])
    refused = await store.claim(other, [key("c")], unless_held=[key("b")])

    assert refused == HeldBy(incident=one, target_key=key("b"))
    assert await store.holder(key("c")) is None
    assert isinstance(await store.claim(one, [key("a")], unless_held=[key("b")]), Claimed)
    assert isinstance(await store.claim(other, [key("c")], unless_held=[key("d")]), Claimed)
    assert await store.holder(key("d")) is None


async def test_fences_only_grow(store: Store) -> None:
    """A released claim's fence never comes back."""
    first, second = await opened(store, "one"), await opened(store, "two")
    before = await claimed(store, first)
    await store.finish(first, "resolved", "", None)

    assert await claimed(store, second) > before
    with pytest.raises(Conflict):
        await store.claim(first, [key("free")])


async def test_of_many_claimers_one_wins(store: Store) -> None:
    """Concurrent claims of overlapping targets leave one holder for all of them."""
    incidents = await store.accept([alert(f"n{number}") for number in range(20)])
    keys = [key("a"), key("b")]
    words = await asyncio.gather(*(store.claim(one, keys) for one in incidents))
    (winner,) = (one for one, word in zip(incidents, words, strict=True) if word.kind == "claimed")

    assert [await store.holder(one) for one in keys] == [winner, winner]


async def test_folding_waits_and_lets_go(store: Store) -> None:
    """The child waits without claims, and both timelines tell it, once."""
    parent, child = await opened(store, "parent"), await opened(store, "child")
    await claimed(store, child)
    for _ in range(2):
        await store.fold(child, parent)
    row = await store.incident(child)

    assert (row.status, row.parent, await store.holder(key())) == ("waiting", parent, None)
    assert (await kinds(store, child)).count("folded") == 1
    assert (await store.timeline(parent))[-1].data["child"] == child


async def test_the_parents_end_wakes_its_children(store: Store) -> None:
    """Each child that is not done gets a job when its parent ends."""
    parent, child = await opened(store, "parent"), await opened(store, "child")
    for _ in range(2):
        job = await store.take()
        assert job
        await store.done(job)
    await store.fold(child, parent)
    await store.finish(parent, "resolved", "healed", None)
    woken = await store.take()

    assert woken is not None
    assert (woken.incident, woken.why) == (child, "parent_done")


async def test_folding_into_what_is_done_wakes_at_once(store: Store) -> None:
    """A parent that ended in between is not waited for."""
    parent, child = await opened(store, "parent"), await opened(store, "child")
    for _ in range(2):
        job = await store.take()
        assert job
        await store.done(job)
    await store.finish(parent, "resolved", "healed", None)
    for _ in range(2):
        await store.fold(child, parent)
    woken = await store.take()

    assert woken is not None
    assert woken.why == "parent_done"


async def test_incidents_do_not_wait_for_each_other_in_a_circle(store: Store) -> None:
    """A parent that waits for the child cannot be its parent; nor can the child itself."""
    one, two = await opened(store, "one"), await opened(store, "two")
    await store.fold(one, two)

    with pytest.raises(Conflict):
        await store.fold(two, one)
    with pytest.raises(Conflict):
        await store.fold(two, two)


async def test_a_folded_incident_that_claims_is_on_its_own_again(store: Store) -> None:
    """Still broken after its parent's end: parent gone, status open, and the timeline says so."""
    parent, child = await opened(store, "parent"), await opened(store, "child")
    await store.fold(child, parent)
    await store.finish(parent, "resolved", "healed", None)
    await claimed(store, child)
    row = await store.incident(child)

    assert (row.status, row.parent) == ("open", None)
    assert (await kinds(store, child))[-1] == "reopened"


async def test_an_allowed_reservation_is_promised(store: Store) -> None:
    """Policy sees the standing; the intents are written with its word, and read back whole."""
    incident = await opened(store)
    promise = intent(incident, fence=await claimed(store, incident))
    policy = Watching()
    word = await store.reserve([promise], policy)

    assert (word, policy.shown) == (Allowed(), [Standing()])
    assert [entry.intent for entry in await store.entries(incident, 1)] == [promise]
    assert (await kinds(store, incident))[-2:] == ["policy", "intent"]


@pytest.mark.parametrize(
    "word", [Refused(rule="caps", reason="no"), NeedsApproval(rule="mode", reason="ask")]
)
async def test_a_reservation_that_is_not_allowed_promises_nothing(
    store: Store, word: Refused | NeedsApproval
) -> None:
    """The decision is told and journalled; no intent is written."""
    incident = await opened(store)
    promise = intent(incident, fence=await claimed(store, incident))

    assert await store.reserve([promise], lambda _: word) == word
    assert await store.entries(incident, 1) == []
    assert [line.kind for line in await store.lines()] == ["decision"]


async def test_a_reservation_again_is_not_written_twice(store: Store) -> None:
    """After a crash the same intents are found; their first writing does not count against them."""
    incident = await opened(store)
    promise = intent(incident, fence=await claimed(store, incident))
    policy = Watching()
    for _ in range(2):
        await store.reserve([promise], policy)

    assert policy.shown == [Standing(), Standing()]
    assert len(await store.entries(incident, 1)) == 1
    assert (await kinds(store, incident)).count("intent") == 1
    assert [line.kind for line in await store.lines()] == ["decision", "intent"]


async def test_a_kill_switch_holds_after_a_crash_too(store: Store) -> None:
    """A reservation made again is judged again."""
    incident = await opened(store)
    promise = intent(incident, fence=await claimed(store, incident))
    await store.reserve([promise], yes)

    assert isinstance(await store.reserve([promise], no), Refused)


async def test_other_effects_under_the_same_keys_are_refused(store: Store) -> None:
    """A promise cannot be rewritten, in part or whole."""
    incident = await opened(store)
    fence = await claimed(store, incident)
    await store.reserve([intent(incident, fence=fence)], yes)

    for others in (
        [intent(incident, fence=fence, name="db")],
        [intent(incident, fence=fence), intent(incident, fence=fence, position=1)],
        [intent(incident, fence=fence, attempt=2), intent(incident, fence=fence, attempt=3)],
        [],
    ):
        with pytest.raises(Conflict):
            await store.reserve(others, yes)


async def test_the_standing_tells_who_may_act(store: Store) -> None:
    """Only the incident's own thread, with the current fence, holds the claim on all keys."""
    incident = await opened(store)
    fence = await claimed(store, incident)

    async def holds(thread: str, fence: int, *keys: str) -> bool:
        found = await store.standing(incident, thread=thread, fence=fence, keys=keys)
        return found.holds_claim

    assert await holds(incident, fence, key())
    assert not await holds("a fork", fence, key())
    assert not await holds(incident, fence - 1, key())
    assert not await holds(incident, fence, key(), key("db"))


async def test_the_standing_tells_pause_and_clearing(store: Store) -> None:
    """The kill switch and the source's `resolved` are looked up in the same transaction."""
    incident = await opened(store)
    await store.accept([alert(status="resolved")])
    await store.pause("maintenance", by="ann")
    found = await store.standing(incident, thread=incident, fence=1, keys=[])

    assert found.paused == "maintenance"
    assert found.cleared_at == (await store.incident(incident)).cleared_at is not None


async def test_an_intent_without_result_is_acting(store: Store) -> None:
    """Between promise and result the target counts as acted on; an ended incident does not act."""
    incident = await opened(store)
    await store.reserve([intent(incident, fence=await claimed(store, incident))], yes)
    before = await store.standing(incident, thread=incident, fence=1, keys=[])
    await store.conclude(f"{incident}/1/0", done(), event=DID)
    after = await store.standing(incident, thread=incident, fence=1, keys=[])

    assert (before.acting, after.acting) == ([key()], [])
    assert after.actions_last_hour == 1


async def test_past_attempts_fade_after_the_window(store: Store, clock: HandClock) -> None:
    """Attempts of all incidents on these targets count, for one hour."""
    incident = await opened(store)
    await store.reserve([intent(incident, fence=await claimed(store, incident))], yes)
    await store.update(incident, attempts=[attempt("not_healed")])
    other = await opened(store, "other")

    async def recent() -> list[str]:
        clock.tick(1800)
        found = await store.standing(other, thread=other, fence=1, keys=[key()])
        return [past.verdict for past in found.recent]

    assert await recent() == ["not_healed"]
    assert await recent() == ["not_healed"]
    assert await recent() == []


async def test_a_fix_that_did_not_hold_came_back(store: Store, clock: HandClock) -> None:
    """A healed target with a new incident within half an hour counts as not fixed."""
    incident = await opened(store)
    await store.update(incident, target=target(), attempts=[attempt("healed")])
    await store.finish(incident, "resolved", "healed", None)
    clock.tick(600)
    again = await opened(store)
    await store.update(again, target=target())
    found = await store.standing(again, thread=again, fence=1, keys=[key()])

    assert [past.verdict for past in found.recent] == ["came_back"]


async def test_a_recurrence_that_recovered_by_itself_did_not_come_back(
    store: Store, clock: HandClock
) -> None:
    """A stale re-post of a healed alert is no proof against the fix."""
    incident = await opened(store)
    await store.update(incident, target=target(), attempts=[attempt("healed")])
    await store.finish(incident, "resolved", "healed", None)
    clock.tick(60)
    again = await opened(store)
    await store.update(again, target=target())
    await store.finish(again, "self_resolved", "it runs", None)
    found = await store.standing(incident, thread=incident, fence=1, keys=[key()])

    assert [past.verdict for past in found.recent] == ["healed"]


async def test_an_intent_is_concluded_once(store: Store) -> None:
    """The first result stands; a second is refused, as is one without an intent."""
    incident = await opened(store)
    await store.reserve([intent(incident, fence=await claimed(store, incident))], yes)
    await store.conclude(f"{incident}/1/0", done(), event=DID)

    with pytest.raises(Conflict):
        await store.conclude(f"{incident}/1/0", done(), event=DID)
    with pytest.raises(NotFound):
        await store.conclude(f"{incident}/2/0", done(), event=DID)
    assert [entry.result for entry in await store.entries(incident, 1)] == [done()]
    told = [one.text for one in await store.timeline(incident) if one.kind == "effect"]
    assert told == [DID.text]


async def test_a_call_goes_out_once(store: Store) -> None:
    """It is on record before it is made, and nobody makes it a second time."""
    incident = await opened(store)
    promise = intent(incident, fence=await claimed(store, incident))
    await store.reserve([promise], yes)

    assert await store.call(promise) == ""
    assert [entry.called_at is not None for entry in await store.entries(incident, 1)] == [True]
    with pytest.raises(Conflict, match="went out before"):
        await store.call(promise)


async def test_no_call_goes_out_without_leave(store: Store) -> None:
    """The kill switch and the claim are looked up in the transaction that notes the call."""
    incident = await opened(store)
    promise = intent(incident, fence=await claimed(store, incident))
    await store.reserve([promise], yes)
    stale = promise.model_copy(update={"fence": promise.fence - 1})

    assert "claim" in await store.call(stale)
    await store.pause("holiday", by="ann")
    assert "holiday" in await store.call(promise)
    assert [entry.called_at is not None for entry in await store.entries(incident, 1)] == [False]


async def test_our_own_effects_are_known(store: Store) -> None:
    """What we did to a target since a time, so that it is not taken for somebody's doing."""
    incident = await opened(store)
    promise = intent(incident, fence=await claimed(store, incident))
    await store.reserve([promise], yes)

    assert [entry.intent for entry in await store.ours(key(), since=START)] == [promise]
    assert await store.ours(key(), since=START + timedelta(seconds=1)) == []
    assert await store.ours(key("db"), since=START) == []


async def test_a_question_waits_for_its_answer(store: Store) -> None:
    """Asked once: the incident waits, the request can be read, its end is a job."""
    incident = await opened(store)
    job = await store.take()
    assert job
    until = START + timedelta(hours=4)
    for _ in range(2):
        await store.ask(incident, digest="d1", request={"name": "restart"}, expires_at=until)
    await store.done(job)

    assert (await store.incident(incident)).status == "waiting"
    assert await store.approval(incident, "d1") is None
    assert await store.approval_expires(incident, "d1") == until
    assert await store.next_due() == until
    assert (await kinds(store, incident)).count("approval_requested") == 1


async def test_an_answer_is_bound_to_its_request(store: Store) -> None:
    """An approval is found under its digest only, and shows in the standing."""
    incident = await opened(store)
    word = Approval(digest="d1", answer="approve", by="ann", reason="go")
    await store.ask(incident, digest="d1", request={}, expires_at=START + timedelta(hours=1))
    await store.decide(incident, word)
    found = await store.standing(incident, thread=incident, fence=1, keys=[])

    assert await store.approval(incident, "d1") == word
    assert await store.approval(incident, "d2") is None
    assert found.approved_digest == "d1"


async def test_finish_is_one_step(store: Store) -> None:
    """Outcome, episode, claims and the open question end together."""
    incident = await opened(store)
    await claimed(store, incident)
    await store.ask(incident, digest="d1", request={}, expires_at=START + timedelta(hours=1))
    await store.finish(incident, "escalated", "no safe remedy", episode(incident))
    row = await store.incident(incident)

    assert (row.status, row.outcome, row.reason) == ("done", "escalated", "no safe remedy")
    assert (row.closed_at, await store.holder(key())) == (START, None)
    assert await store.pending_approval(incident) is None
    assert (await kinds(store, incident))[-1] == "outcome"


async def test_finishing_again_is_no_change(store: Store) -> None:
    """The first outcome stands, with one episode and one event."""
    incident = await opened(store)
    await store.record(incident, event("outcome", data={"outcome": "resolved"}))
    await store.finish(incident, "resolved", "healed", episode(incident))
    await store.finish(incident, "failed", "crashed", episode(incident))

    assert (await store.incident(incident)).outcome == "resolved"
    assert (await kinds(store, incident)).count("outcome") == 1
    assert await store.episode_count() == 1


async def test_the_past_is_exact_and_newest_first(store: Store) -> None:
    """Episodes of this alert, service and kind only."""
    names = ["web", "db", "web2"]
    ids = [await opened(store, name) for name in names]
    for one, service in zip(ids, ["web", "db", "web"], strict=True):
        await store.finish(one, "resolved", "", episode(one, service=service))
    found = await store.past(alert_name="ContainerDown", service="web", kind="container")

    assert [one.incident for one in found] == [ids[2], ids[0]]
    assert await store.past(alert_name="Other", service="web", kind="container") == []
