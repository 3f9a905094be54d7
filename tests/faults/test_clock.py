"""The clock put forward or back by an hour, between and during incidents; and a day that is not."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from domain.decision import Approval
from domain.errors import Transient
from domain.facts import ContainerFacts
from domain.incident import Incident
from domain.ports import Performed
from domain.remedy import Effect
from nightshift.testing import FixedRulebook, dies, firing, match, stays_unhealthy
from tests.graph.driving import Service

HOUR = 3600.0
SLOW_S = 600.0
"""What an incident may take at most, whatever the clock says: in time that really passes."""


async def passed(service: Service, jump: float, incident: str) -> tuple[Incident, float]:
    """The incident's end, and the seconds that really passed until then: all jumps left out."""
    store, clock, begun = service.world.store, service.world.clock, service.world.clock.now()
    waited = 0.0
    for _ in range(400):
        job = await store.take()
        if job is None:
            row = await store.incident(incident)
            if row.status == "done":
                break
            clock.advance(1)
            waited += 1
            continue
        await service.runs.drive(job.incident)
        await store.done(job)
        await service.world.watch()
    row = await store.incident(incident)
    return row, (clock.now() - begun).total_seconds() - jump


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
@pytest.mark.parametrize("node", ["facts", "logs", "perform"])
async def test_a_jump_during_an_incident(service: Service, jump: float, node: str) -> None:
    """While it looks, reads logs or acts: it ends in time, one start at most, nothing doubled."""
    service.world.containers.crash("web")
    _jump_at(service, node, jump)
    row, took = await passed(service, jump, await service.alert())

    assert row.status == "done"
    assert row.outcome in {"resolved", "escalated"}
    assert service.verbs() in ([], ["start web"])
    assert took < SLOW_S


def _jump_at(service: Service, method: str, jump: float) -> None:
    """The clock is set at the first call of this method."""
    containers, clock = service.world.containers, service.world.clock
    original: Callable[..., object] = getattr(containers, method)
    left = [jump]

    async def jumping(*args: object, **kwargs: object) -> object:
        clock.put(left.pop() if left else 0.0)
        return await original(*args, **kwargs)  # type: ignore[misc]  # every method of the port is async

    setattr(containers, method, jumping)


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
async def test_a_jump_while_it_is_verified(service: Service, jump: float) -> None:
    """A slow starter is neither given up at once nor waited for for an hour; one act."""
    world = service.world
    world.limit(verify_hold_s=5.0)
    world.containers.crash("web")
    world.containers.fate("web", stays_unhealthy)
    incident = await service.alert()
    job = await world.store.take()
    assert job
    await service.runs.drive(job.incident)
    await world.store.done(job)
    waiting = await world.store.incident(incident)
    world.clock.put(jump)
    world.clock.after(1, lambda: world.containers.change("web", health="healthy"))
    row, took = await passed(service, 0, incident)

    assert waiting.status == "waiting"
    assert (row.outcome, service.verbs()) == ("resolved", ["start web"])
    assert took < 60


async def test_a_clock_put_back_gives_no_more_patience(service: Service) -> None:
    """What does not come up is given up after the usual time, not an hour later."""
    world = service.world
    world.limit(verify_hold_s=5.0, max_attempts=1)
    world.containers.crash("web")
    world.containers.fate("web", stays_unhealthy)
    incident = await service.alert()
    job = await world.store.take()
    assert job
    await service.runs.drive(job.incident)
    await world.store.done(job)
    world.clock.put(-HOUR)
    row, took = await passed(service, 0, incident)

    assert row.outcome == "escalated"
    assert took < 120


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
async def test_a_jump_before_a_lost_answer_settles(service: Service, jump: float) -> None:
    """Sent, not answered, and then the clock is set: looked for, never sent again."""
    world = service.world
    world.containers.crash("web")

    async def lost(effect: Effect) -> Performed:
        world.containers.performed.append(effect)
        world.clock.put(jump)
        raise Transient("no answer in 15 s")

    world.containers.perform = lost  # type: ignore[method-assign]  # the one call of this test
    row, took = await passed(service, jump, await service.alert())

    assert row.outcome == "escalated"
    assert service.verbs() == ["start web"]
    assert took < SLOW_S


async def asked(service: Service) -> str:
    """An incident that waits for a person's word."""
    service.world.containers.stop("web")
    incident = await service.alert()
    await service.work(until_s=60)
    assert await service.world.store.pending_approval(incident)
    return incident


async def says_yes(service: Service, incident: str) -> None:
    """A person approves."""
    pending = await service.world.store.pending_approval(incident)
    yes = {"digest": (pending or {})["digest"], "answer": "approve", "by": "ann"}
    await service.world.store.decide(incident, Approval.model_validate(yes))


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
async def test_a_jump_while_a_person_is_asked(service: Service, jump: float) -> None:
    """Nothing is done without the word; given, it is done once."""
    incident = await asked(service)
    service.world.clock.put(jump)
    await service.world.store.take()
    before = service.verbs()
    await says_yes(service, incident)
    row = await service.end(incident)

    assert before == []
    assert (row.outcome, service.verbs()) == ("resolved", ["start web"])


@pytest.mark.parametrize("jump", [5 * HOUR, -HOUR])
async def test_a_question_ends_and_its_end_never_acts(service: Service, jump: float) -> None:
    """Put forward it ends early, put back it ends late: either way without an act."""
    incident = await asked(service)
    service.world.clock.put(jump)
    await service.work(until_s=6 * HOUR)
    row = await service.world.store.incident(incident)

    assert row.outcome == "escalated"
    assert "nobody answered" in row.reason
    assert service.verbs() == []


async def crash_again(service: Service) -> Incident:
    """One more crash, with an alert of its own."""
    service.world.containers.crash("web")
    at = service.world.clock.now() - timedelta(seconds=1)
    alert = firing().model_copy(update={"starts_at": at})
    row, _ = await passed(service, 0, await service.alert(alert))
    return row


async def test_a_clock_put_back_frees_no_cooldown(service: Service) -> None:
    """What failed twice a minute ago failed twice, though it is dated an hour from now."""
    service.world.rulebook = FixedRulebook(match("start", needs=("stop",)))
    service.world.containers.fate("web", _well)
    for _ in range(2):
        await crash_again(service)
    before = len(service.verbs())
    service.world.clock.put(-HOUR)
    row = await crash_again(service)

    assert (before, len(service.verbs())) == (2, 2)
    assert row.outcome == "escalated"
    assert "did not hold 2 times" in row.reason


async def test_a_clock_put_back_frees_no_cap(service: Service) -> None:
    """Three actions on a target within the hour are three, on whichever side of now."""
    service.world.rulebook = FixedRulebook(match("start", needs=("stop",)))
    service.world.limit(cooldown_failures=9, latch_after=9)
    service.world.containers.fate("web", _well)
    for _ in range(3):
        await crash_again(service)
        service.world.clock.advance(10)
    service.world.clock.put(-HOUR)
    row = await crash_again(service)

    assert service.verbs() == ["start web"] * 3
    assert row.outcome == "escalated"
    assert "within the hour" in row.reason


def _well(facts: ContainerFacts) -> ContainerFacts:
    return facts.model_copy(update={"health": "healthy"})


async def test_a_clock_put_forward_frees_no_attempt(service: Service) -> None:
    """Cool-downs and caps age by the hour; the attempts of one incident do not."""
    service.world.limit(max_attempts=1)
    service.world.containers.crash("web")
    service.world.containers.fate("web", dies)
    _jump_at(service, "perform", HOUR)
    row, _ = await passed(service, HOUR, await service.alert())

    assert row.outcome == "escalated"
    assert service.verbs() == ["start web"]


async def test_due_jobs_do_not_wait_for_the_clock(service: Service) -> None:
    """Accepted just before the clock went back: worked on at once, not an hour later."""
    assert await service.world.store.take() is None
    service.world.containers.crash("web")
    incident = await service.alert()
    service.world.clock.put(-HOUR)
    row, took = await passed(service, 0, incident)

    assert row.outcome in {"resolved", "escalated"}
    assert took < 120
