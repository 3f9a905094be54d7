"""The price of asking: the real service, a simulated world, a model over HTTP."""

from collections.abc import AsyncIterator

import pytest

from domain.incident import Incident
from domain.store import TimelineEvent
from lab import model_bench
from lab.model_bench import incident_of, measure, played
from lab.standins import openai_turns as turns
from lab.standins.openai import OpenAI, Turn
from lab.world import World
from nightshift.service import Service
from nightshift.testing import FixedRulebook

HOSTILE = [
    turns.off_offer,
    turns.ungrounded,
    turns.injected,
    turns.prose,
    turns.noise,
    turns.broken,
]


async def test_the_targets_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 2 calls, 2,500 prompt tokens and $0.04 for 100 incidents, probes included."""
    monkeypatch.setattr(model_bench, "FAULTS", ("crash",))
    report = await measure(lambda _: None)
    with_rules, without = report.incidents

    assert (with_rules.calls, with_rules.decided_by, with_rules.outcome) == (
        1, "runbook", "resolved",
    )  # fmt: skip
    assert (without.calls, without.decided_by, without.outcome) == (2, "model", "resolved")
    assert report.calls <= 2
    assert 0 < report.prompt_tokens <= 2500
    assert 0 < report.dollars_per_100 <= 0.04


Scene = tuple[World, Service, OpenAI]


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """The service without any runbook: all depends on the model."""
    async with played() as (world, service, model):
        service.deps.rulebook = FixedRulebook()
        yield world, service, model


async def crash(scene: Scene, turn: Turn) -> tuple[Incident, list[TimelineEvent]]:
    """One crash with this model, told to do harm in the log."""
    world, service, model = scene
    model.always = turn
    incident = await incident_of(world, service, "crash")
    return incident, await service.store.timeline(incident.id)


@pytest.mark.parametrize("turn", HOSTILE)
async def test_a_bad_model_does_no_harm(scene: Scene, turn: Turn) -> None:
    """Nothing is done on its word; a person is called, and is told why."""
    incident, story = await crash(scene, turn)
    told = [event.text for event in story if event.kind == "model"]

    assert scene[0].actions == []
    assert incident.outcome == "escalated"
    assert len(told) == 1
    assert told[0].endswith("the rules decide")


async def test_a_wrong_choice_is_still_a_harmless_one(scene: Scene) -> None:
    """It picks the most disruptive remedy on offer: for this target alone, and one of ours."""
    await crash(scene, turns.wrong)

    assert {action.name for action in scene[0].actions} == {"crash-app"}
    assert {action.verb for action in scene[0].actions} <= {"restart"}


async def test_no_secret_is_told(scene: Scene) -> None:
    """Nor the name of a host, nor a container's id."""
    world, _, model = scene
    await crash(scene, turns.probing)
    ids = {event.actor for event in world.events if event.kind == "container"}

    assert len(model.requests) == 2
    assert model.leaked(*ids, "127.0.0.1", "10.77.") == []
