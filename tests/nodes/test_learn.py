import pytest

from domain.errors import Transient
from domain.incident import Episode
from domain.state import IncidentState
from nightshift.testing import DictMemory, NoMemory, World, firing, stays_unhealthy
from nodes.analyse import analyse
from nodes.heal import heal
from nodes.learn import learn
from nodes.monitor import monitor
from nodes.notify import notify
from tests.nodes.steps import Begin, Run, Words, verified


async def episodes(world: World) -> list[Episode]:
    """What the ledger has learned."""
    return [episode for _, episode in await world.store.episodes(limit=9)]


async def test_what_healed_is_learned(world: World, crashed: IncidentState, run: Run) -> None:
    """The episode names the remedy, the cause and the time, in ledger and index alike."""
    state = await run(crashed, heal, verified, notify, learn)
    (episode,) = await episodes(world)

    assert (episode.healed_by, episode.failed, episode.cause) == ("start", [], "crashed")
    assert episode.resolution_time == sum(world.clock.slept)
    assert isinstance(world.memory, DictMemory)
    assert world.memory.episodes == {state["incident"]: episode}


async def test_the_incident_is_done(world: World, crashed: IncidentState, run: Run) -> None:
    """Outcome recorded, claim released."""
    state = await run(crashed, heal, verified, notify, learn)
    incident = await world.store.incident(state["incident"])

    assert (incident.status, incident.outcome) == ("done", "resolved")
    assert await world.store.holder("container:local/web") is None


async def test_what_failed_is_learned_too(world: World, crashed: IncidentState, run: Run) -> None:
    """A remedy that verifiably did not work comes back as such."""
    world.limit(max_attempts=1)
    world.containers.fate("web", stays_unhealthy)
    await run(crashed, heal, verified, notify, learn)
    (episode,) = await episodes(world)

    assert (episode.healed_by, episode.failed) == (None, ["start"])
    assert episode.outcome == "escalated"


async def test_only_verified_results_teach(world: World, crashed: IncidentState, run: Run) -> None:
    """An effect of which nobody knows whether it worked is no lesson."""
    world.containers.trouble(Transient("no answer"))
    state = await run(crashed, heal)
    world.containers.errors["facts"] = Transient("blind")
    await run(state, verified, notify, learn)
    (episode,) = await episodes(world)

    assert (episode.healed_by, episode.failed) == (None, [])


async def test_memory_down_keeps_the_ledger(world: World, crashed: IncidentState, run: Run) -> None:
    """The index may be missing: the incident is closed and its episode kept."""
    world.memory = NoMemory()
    state = await run(crashed, heal, verified, notify, learn)

    assert len(await episodes(world)) == 1
    assert (await world.store.incident(state["incident"])).status == "done"


async def test_the_ledger_comes_first(world: World, crashed: IncidentState, run: Run) -> None:
    """When the index is asked, the incident is closed already: a hanging index holds nothing up."""
    seen: list[str] = []

    async def store(episode: Episode) -> None:
        seen.append((await world.store.incident(episode.incident)).status)

    world.memory.store = store  # type: ignore[method-assign]  # an index that looks at the ledger
    await run(crashed, heal, verified, notify, learn)

    assert seen == ["done"]


async def test_what_was_learned_is_told(crashed: IncidentState, run: Run, told: Words) -> None:
    """The story ends with the cause and what healed it."""
    state = await run(crashed, heal, verified, notify, learn)

    assert await told(state, "learned") == ["crashed: start"]


async def test_the_symptom_holds_no_remedy(world: World, crashed: IncidentState, run: Run) -> None:
    """Symptoms are compared with symptoms: the name in words, service and kind."""
    await run(crashed, heal, verified, notify, learn)
    (episode,) = await episodes(world)

    assert episode.symptom == "Container Down; web; container; ContainerDown"


@pytest.mark.parametrize("outcome", ["folded", "failed"])
async def test_our_own_ends_teach_nothing(
    world: World, crashed: IncidentState, run: Run, outcome: str
) -> None:
    """Folded says nothing about this alert, failed nothing about the remedy."""
    state = await run({**crashed, "outcome": outcome}, learn)

    assert await episodes(world) == []
    assert (await world.store.incident(state["incident"])).outcome == outcome


async def test_nobody_found_teaches_nothing(world: World, begin: Begin, run: Run) -> None:
    """Without a target there is no pattern."""
    state = await run(await begin(firing(name="gone")), monitor, analyse, notify, learn)

    assert await episodes(world) == []
    assert (await world.store.incident(state["incident"])).status == "done"
