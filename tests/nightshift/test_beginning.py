"""Checkpoints of an older graph: real ones, of runs that an older process left in the middle."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from domain.state import GRAPH_VERSION
from nightshift import runs as module
from nightshift.checkpoints import strict_serde
from nightshift.runs import Runs, config_of
from nightshift.testing import FixedRulebook, World, container, firing, match, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """`web` has crashed; the runbook says start, else restart."""
    web = container("web", health="healthy")
    async with open_world(tmp_path, web, container("db")) as world:
        world.rulebook = FixedRulebook(match("start", "restart", needs=("stop",)))
        world.containers.crash("web")
        await world.watch()
        yield world


@pytest.fixture
def saver() -> InMemorySaver:
    """Where checkpoints go; it outlives the processes."""
    return InMemorySaver(serde=strict_serde())


class KilledError(BaseException):
    """The older process ends here."""


def dies_before(world: World) -> None:
    """The call is on record, and was not made."""

    async def perform(effect: Any) -> Any:
        raise KilledError

    world.containers.perform = perform  # type: ignore[method-assign]  # this process is the one that dies


def dies_after(world: World) -> None:
    """The call took place, and nobody wrote it down."""
    perform = world.containers.perform

    async def acting(effect: Any) -> Any:
        await perform(effect)
        raise KilledError

    world.containers.perform = acting  # type: ignore[method-assign]  # this process is the one that dies


def dies_concluded(world: World) -> None:
    """The result is in the journal, the attempt is in no ledger."""
    update = world.store.update

    async def updating(incident: str, **known: Any) -> None:
        if known.get("attempts"):
            raise KilledError
        await update(incident, **known)

    world.store.update = updating  # type: ignore[method-assign]  # this process is the one that dies


def dies_verifying(world: World) -> None:
    """The attempt is on record, and nobody has looked what came of it."""
    facts = world.containers.facts

    async def looking(target: Any) -> Any:
        if world.containers.performed:
            raise KilledError
        return await facts(target)

    world.containers.facts = looking  # type: ignore[method-assign]  # this process is the one that dies


def dies_telling(world: World) -> None:
    """It is healed, verified and told; the incident is not closed."""

    async def finish(*given: Any, **more: Any) -> None:
        raise KilledError

    vars(world.store)["finish"] = finish


def dies_promised(world: World) -> None:
    """The intent is written, and nothing was sent."""

    async def call(*given: Any) -> str:
        raise KilledError

    vars(world.store)["call"] = call


DEATHS = (dies_promised, dies_after, dies_concluded, dies_verifying, dies_telling)


async def left_by_an_older_one(
    world: World, saver: InMemorySaver, death: Callable[[World], None]
) -> str:
    """The incident, driven by the graph before this one until its process died."""
    incident = await world.accept(firing())
    await world.store.take()
    with pytest.MonkeyPatch.context() as older:
        older.setattr(module, "GRAPH_VERSION", GRAPH_VERSION - 1)
        death(world)
        with pytest.raises(KilledError):
            await Runs(world.store, world.deps, saver).drive(incident)
    for name in ("perform", "facts"):
        vars(world.containers).pop(name, None)
    for name in ("update", "finish", "call"):
        vars(world.store).pop(name, None)
    return incident


async def driven(world: World, saver: InMemorySaver, incident: str) -> Any:
    """The incident when this process has done all that falls due within the hour."""
    store, runs = world.store, Runs(world.store, world.deps, saver)
    await store.recover()
    while (due := await store.next_due()) is not None:
        world.clock.advance(max(0.0, (due - world.clock.now()).total_seconds()))
        if job := await store.take():
            await runs.drive(job.incident)
            await store.done(job)
    return await store.incident(incident)


@pytest.mark.parametrize("death", DEATHS)
async def test_what_was_promised_is_settled_first(
    world: World, saver: InMemorySaver, death: Callable[[World], None]
) -> None:
    """Wherever the older one stood: one effect, one attempt, verified, told as ours."""
    incident = await left_by_an_older_one(world, saver, death)
    world.rulebook = FixedRulebook(match("restart", needs=("stop",)))
    row = await driven(world, saver, incident)
    entries = await world.store.entries(incident, 1)

    assert [one.verb for one in world.containers.done] == ["start"]
    assert [one.result.result for one in entries if one.result] == ["done"]
    assert [(one.number, one.remedy, one.verdict) for one in row.attempts] == [
        (1, "start", "healed")
    ]
    assert row.outcome == "resolved"
    assert (await world.store.audit()).broken is None


async def test_a_call_that_cannot_be_told_is_not_made_again(
    world: World, saver: InMemorySaver
) -> None:
    """It had gone out and is not to be seen: a person is called, and nothing else is tried."""
    incident = await left_by_an_older_one(world, saver, dies_before)
    world.rulebook = FixedRulebook(match("restart", needs=("stop",)))
    row = await driven(world, saver, incident)

    assert (row.outcome, [one.verb for one in world.containers.done]) == ("escalated", [])
    assert [one.result for one in row.attempts] == ["unknown"]


async def test_it_is_settled_before_anything_else_is_done(
    world: World, saver: InMemorySaver
) -> None:
    """A late call is waited for, and no other remedy is tried before its verdict."""
    incident = await left_by_an_older_one(world, saver, dies_before)
    world.clock.after(
        10, lambda: world.containers.change("web", status="running", health="healthy")
    )
    world.rulebook = FixedRulebook(match("restart", needs=("stop",)))
    row = await driven(world, saver, incident)

    assert world.containers.performed == []
    assert row.attempts[0].remedy == "start"


async def test_an_effect_that_did_not_heal_is_followed_by_the_next(
    world: World, saver: InMemorySaver
) -> None:
    """Settled and found wanting, the older attempt counts, and the ladder goes on."""
    world.containers.fate("web", lambda facts: facts.model_copy(update={"health": "unhealthy"}))
    incident = await left_by_an_older_one(world, saver, dies_after)
    world.rulebook = FixedRulebook(match("start", "restart"))
    row = await driven(world, saver, incident)

    assert [one.verb for one in world.containers.done][:2] == ["start", "restart"]
    assert (row.attempts[0].remedy, row.attempts[0].verdict) == ("start", "not_healed")


async def test_another_incident_waits_for_the_settled_one(
    world: World, saver: InMemorySaver
) -> None:
    """The target stays claimed: a second alert on it folds and does nothing."""
    incident = await left_by_an_older_one(world, saver, dies_promised)
    other = await world.accept(firing("HighErrorRate", name="web"))
    row = await driven(world, saver, incident)
    child = await world.store.incident(other)

    assert row.outcome == "resolved"
    assert [one.verb for one in world.containers.done] == ["start"]
    assert child.attempts == []


@pytest.mark.parametrize("death", DEATHS)
async def test_without_a_checkpoint_the_journal_is_asked_too(
    world: World, saver: InMemorySaver, death: Callable[[World], None]
) -> None:
    """A lost checkpoint file is like an older one; what was not called is analysed anew."""
    incident = await left_by_an_older_one(world, saver, death)
    await saver.adelete_thread(incident)
    row = await driven(world, saver, incident)
    results = [one.result for one in row.attempts]

    assert [one.verb for one in world.containers.done] == ["start"]
    assert {one.remedy for one in row.attempts} == {"start"}
    assert results == (["refused", "done"] if death is dies_promised else ["done"])
    assert row.outcome == "resolved"


async def test_before_any_promise_it_begins_at_monitor(world: World, saver: InMemorySaver) -> None:
    """What was decided by the older graph is decided anew."""

    def deciding(world: World) -> None:
        async def reserve(*given: Any) -> Any:
            raise KilledError

        vars(world.store)["reserve"] = reserve

    incident = await left_by_an_older_one(world, saver, deciding)
    vars(world.store).pop("reserve")
    world.rulebook = FixedRulebook(match("restart", needs=("stop",)))
    row = await driven(world, saver, incident)
    stands = await saver.aget_tuple(config_of(incident))

    assert [one.remedy for one in row.attempts] == ["restart"]
    assert stands
    assert stands.checkpoint["channel_values"]["graph_version"] == GRAPH_VERSION
