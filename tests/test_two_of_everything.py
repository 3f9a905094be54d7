"""Two of everything, in any order: the whole graph over the real store, by a virtual clock."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from domain.alert import Alert
from domain.errors import NotFound
from domain.ports import Performed
from domain.remedy import Effect
from nightshift.metrics import Meters
from nightshift.testing import FixedRulebook, container, firing, match, open_world
from nightshift.views import unlatched
from tests.graph.driving import Service


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """`web` stands on `db`; the runbook says start, else restart."""
    web = container("web", depends_on=["db"])
    async with open_world(tmp_path, web, container("db")) as world:
        world.rulebook = FixedRulebook(match("start", "restart", needs=("stop",)))
        yield Service(world)


def resolved(alert: Alert) -> Alert:
    """The same episode, over."""
    return alert.model_copy(update={"status": "resolved"})


async def test_two_alertmanagers_at_the_same_time_are_one(service: Service) -> None:
    """Both of a pair post the same alert at once: one incident, one action."""
    service.world.containers.crash("web")
    first, second = await asyncio.gather(service.alert(), service.alert())
    await service.end(first)

    assert first == second
    assert service.verbs() == ["start web"]


async def test_one_of_the_pair_is_late(service: Service) -> None:
    """It posts after the end: another occurrence finds it well, does and says nothing."""
    service.world.containers.crash("web")
    await service.end(await service.alert())
    late = await service.end(await service.alert())
    drafts = await service.world.store.drafts("console", limit=9)

    assert (late.occurrence, late.outcome) == (2, "self_resolved")
    assert service.verbs() == ["start web"]
    assert late.id not in {draft.incident for draft in drafts}


async def test_two_prometheus_disagree_on_the_beginning(service: Service) -> None:
    """The same alert with two starts is two episodes, of which one folds into the other."""
    service.world.containers.crash("web")
    other = firing().model_copy(update={"starts_at": firing().starts_at + timedelta(seconds=3)})
    one, two = await service.alert(), await service.alert(other)
    await service.work()
    outcomes = {(await service.world.store.incident(each)).outcome for each in (one, two)}

    assert service.verbs() == ["start web"]
    assert outcomes <= {"resolved", "folded", "self_resolved"}


async def test_a_hundred_at_once_are_one(service: Service) -> None:
    """A hundred concurrent posts of one alert: one incident, one investigation, one action."""
    service.world.containers.crash("web")
    ids = await asyncio.gather(*(service.alert() for _ in range(100)))
    await service.work()

    assert len(set(ids)) == 1
    assert service.verbs() == ["start web"]
    assert len(await service.heard(ids[0], "claimed")) == 1


async def test_resolved_before_firing_does_nothing(service: Service) -> None:
    """Out of order: the end came first, and the container is well."""
    await service.world.store.accept([resolved(firing())])
    incident = await service.end(await service.alert())

    assert (incident.outcome, service.verbs()) == ("self_resolved", [])


async def test_resolved_before_firing_and_broken_is_healed(service: Service) -> None:
    """A source that says "resolved" of what is seen to be down is not believed."""
    service.world.containers.crash("web")
    await service.world.store.accept([resolved(firing())])
    incident = await service.end(await service.alert())

    assert (incident.outcome, service.verbs()) == ("resolved", ["start web"])


async def test_resolved_during_heal_acts_once(service: Service) -> None:
    """The end comes while the start is under way: done once, proved, one outcome."""
    store, containers = service.world.store, service.world.containers
    perform = containers.perform

    async def meanwhile(effect: Effect) -> Performed:
        await store.accept([resolved(firing())])
        return await perform(effect)

    containers.perform = meanwhile  # type: ignore[method-assign]  # the daemon takes its time
    containers.crash("web")
    incident = await service.end(await service.alert())

    assert (incident.outcome, service.verbs()) == ("resolved", ["start web"])
    assert len(await service.heard(incident.id, "outcome")) == 1


async def test_the_root_comes_after_its_victims(service: Service) -> None:
    """The victim is alerted first; its root, alerted later, is started once and both end."""
    containers = service.world.containers
    containers.crash("db")
    containers.crash("web")
    victim = await service.alert(firing(name="web"))
    root = await service.alert(firing(name="db"))
    await service.work()
    ends = [(await service.world.store.incident(one)).outcome for one in (victim, root)]

    assert sorted(service.verbs()) == ["start db", "start web"]
    assert ends == ["resolved", "resolved"]


async def test_a_root_in_hand_has_one_investigation(service: Service) -> None:
    """Victims that come while their root is in hand look at nothing, and end with it."""
    service.world.containers.crash("db")
    service.world.containers.crash("web")
    root = await service.alert(firing(name="db"))
    job = await service.world.store.take()
    assert job
    await service.world.store.claim(root, ["container:local/db"])
    victims = [await service.alert(firing(f"Slow{n}", name="web")) for n in range(5)]
    await service.work(until_s=60)
    await service.world.store.done(job)
    parents = {(await service.world.store.incident(one)).parent for one in victims}

    assert parents == {root}
    assert [await service.heard(one, "evidence") for one in victims] == [[]] * 5


class Flapping:
    """`web` dies in every cycle, is alerted, and the alert is resolved before the next."""

    def __init__(self, service: Service, *, every_s: float = 300) -> None:
        self.service, self.every_s = service, every_s
        self.loud = 0

    async def go(self, cycles: int) -> list[str]:
        """The outcomes of so many cycles; loud messages are counted and taken as sent."""
        world, outcomes = self.service.world, []
        for _ in range(cycles):
            world.containers.crash("web")
            alert = firing().model_copy(update={"starts_at": world.clock.now()})
            incident = await self.service.end(await self.service.alert(alert))
            await world.store.accept([resolved(alert)])
            outcomes.append(str(incident.outcome))
            world.containers.change("web", status="running")
            world.clock.advance(self.every_s)
            await self.deliver()
        return outcomes

    async def deliver(self) -> None:
        """Everything that is due, as a channel would."""
        store = self.service.world.store
        for draft in await store.drafts("console", limit=99):
            self.loud += draft.loud
            await store.delivered(draft, external_id=draft.incident)


@pytest.mark.parametrize("every_s", [60, 1500])
async def test_flapping_is_given_up_once(service: Service, every_s: float) -> None:
    """Twenty cycles, quick or slow: three actions at most, one escalation, the others fold."""
    service.world.limit(latch_remind_s=1e9)
    flapping = Flapping(service, every_s=every_s)
    outcomes = await flapping.go(20)
    ended = {outcome: outcomes.count(outcome) for outcome in outcomes}

    assert 1 <= len(service.verbs()) <= 3
    assert ended["escalated"] == flapping.loud == 1
    assert ended["folded"] >= 16
    assert outcomes[-1] == "folded"


async def test_flapping_is_reminded_of(service: Service) -> None:
    """While it goes on people hear of it again, in the given time and not with every cycle."""
    service.world.limit(latch_remind_s=3000)
    flapping = Flapping(service)
    await flapping.go(20)

    assert flapping.loud == 2
    assert len(service.verbs()) == 3


async def test_an_unlatched_target_is_tried_again(service: Service) -> None:
    """A person's word sets it free, at once and with all its tries; it is on record who said so."""
    flapping = Flapping(service)
    await flapping.go(6)
    latch = await service.world.store.unlatch("web", by="ann", reason="new image")
    outcomes = await flapping.go(1)

    assert outcomes == ["resolved"]
    assert len(service.verbs()) == 4
    assert await service.world.store.latches() == []
    assert "unlatched by ann" in (await service.heard(latch.incident, "latched"))[-1]


async def test_quiet_sets_it_free(service: Service) -> None:
    """After six hours without trouble it is a target like any other."""
    flapping = Flapping(service)
    await flapping.go(6)
    service.world.clock.advance(6 * 3600)

    assert await flapping.go(1) == ["resolved"]


async def test_a_latch_names_the_way_out(service: Service) -> None:
    """The escalation says how to undo it, and what is latched can be listed."""
    flapping = Flapping(service)
    await flapping.go(5)
    (latch,) = await service.world.store.latches()
    told = await service.world.store.incident(latch.incident)

    assert (latch.target_key, latch.cycles) == ("container:local/web", 1)
    assert "nightshift unlatch web" in told.reason


async def test_the_flapping_runbook_latches_too(service: Service) -> None:
    """Where nothing is tried because it comes and goes, it is told once all the same."""
    service.world.rulebook = FixedRulebook(match(cause="flapping"))
    flapping = Flapping(service)

    assert await flapping.go(5) == ["escalated", *["folded"] * 4]
    assert (flapping.loud, service.verbs()) == (1, [])


async def test_nobody_can_unlatch_what_is_free(service: Service) -> None:
    """A wrong name is an error, not a silent success."""
    with pytest.raises(NotFound, match="'web'"):
        await service.world.store.unlatch("web", by="ann")


async def test_unlatching_looks_again(service: Service) -> None:
    """It waits for no alert: the one that was given up is opened once more, and healed."""
    flapping = Flapping(service)
    await flapping.go(5)
    service.world.containers.crash("web")
    await service.world.watch()
    (again,) = await unlatched(service.world.store, "web", by="ann")
    incident = await service.end(again)

    assert (incident.outcome, len(service.verbs())) == ("resolved", 4)


async def test_statistics_know_what_is_latched(service: Service) -> None:
    """For /stats and /metrics: the target, and the refusal by its rule."""
    await Flapping(service).go(5)
    stats = await service.world.store.stats()

    assert list(stats.latched) == ["container:local/web"]
    assert stats.refused["latched"] == 1
    assert b"nightshift_latched 1.0" in Meters().exposition(stats)
