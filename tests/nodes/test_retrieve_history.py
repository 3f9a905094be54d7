from domain.incident import Recall
from domain.state import IncidentState
from nightshift.testing import NoMemory, World, firing
from nodes.heal import heal
from nodes.learn import learn
from nodes.monitor import monitor
from nodes.notify import notify
from nodes.retrieve_history import retrieve_history
from nodes.verify import verify
from tests.nodes.steps import Begin, Run, Words


async def past_incident(run: Run, crashed: IncidentState) -> IncidentState:
    """The crash healed and learned from."""
    return await run(crashed, heal, verify, notify, learn)


async def test_recalls_the_same_and_the_like(
    world: World, crashed: IncidentState, begin: Begin, run: Run
) -> None:
    """A second crash finds the first in the ledger and in the index."""
    first = await past_incident(run, crashed)
    world.containers.crash("web")
    state = await run(await begin(firing()), monitor, retrieve_history)
    recall = Recall.parse(state["history"])

    assert [one.incident for one in recall.exact] == [first["incident"]]
    assert recall.similar[0].score == 1.0
    assert not recall.degraded


async def test_memory_down_is_degraded(
    world: World, crashed: IncidentState, begin: Begin, run: Run, told: Words
) -> None:
    """Without the index the ledger still answers, and the gap is named."""
    await past_incident(run, crashed)
    world.memory = NoMemory()
    world.containers.crash("web")
    state = await run(await begin(firing()), monitor, retrieve_history)
    recall = Recall.parse(state["history"])

    assert recall.similar == []
    assert len(recall.exact) == 1
    assert "does not answer" in recall.degraded
    assert "memory is out of order" in (await told(state, "history"))[0]


async def test_without_a_target_only_likeness_counts(world: World, begin: Begin, run: Run) -> None:
    """An alert about nobody we know has no exact past."""
    state = await run(await begin(firing(name="gone")), monitor, retrieve_history)

    assert Recall.parse(state["history"]) == Recall()


async def test_the_best_likeness_is_told(
    crashed: IncidentState, begin: Begin, run: Run, told: Words, world: World
) -> None:
    """The story says how many were found, and how like the best is."""
    await past_incident(run, crashed)
    world.containers.crash("web")
    state = await run(await begin(firing()), monitor, retrieve_history)

    assert await told(state, "history") == ["1 similar, best 1.00; 1 of the same kind"]
