"""Deciding an old incident again: today's rules over yesterday's evidence."""

from pathlib import Path
from typing import Any

import pytest

from domain.errors import BadConfiguration, OverBudget, Permanent
from domain.incident import Usage
from domain.limits import Limits
from domain.plain import Plain
from domain.reasoning import ModelCall
from memory.store import open_store
from nightshift.clock import SystemClock
from nightshift.replay import ReplayPurse, overruled, replay
from nightshift.settings import Settings
from policy.money import Ceilings, refusal
from tests.recorded_incident import crash_healed


async def again(folder: Path, from_node: str = "monitor", **more: Any) -> Plain:
    """The replay of a healed crash, with a scope that its container is in."""
    incident = await crash_healed(folder)
    settings = Settings(
        _env_file=None, nightshift_data_dir=folder, docker_scope={"nightshift.managed": "yes"}
    )
    async with open_store(folder, clock=SystemClock(), owner=False) as store:
        before = await store.timeline(incident)
        found = await replay(store, settings, incident, from_node, **more)
        assert await store.timeline(incident) == before
    return found


@pytest.mark.parametrize("node", ["monitor", "retrieve-history", "analyse"])
async def test_the_same_rules_decide_the_same(tmp_path: Path, node: str) -> None:
    """From wherever it begins; the store is not written to."""
    found: Any = await again(tmp_path, node)

    assert (found["now"]["remedy"], found["now"]["decision"]["kind"]) == ("start", "allowed")
    assert not {"remedy", "decision", "outcome"} & set(found["different"])


@pytest.mark.parametrize(
    ("policy", "kind"),
    [
        ({"mode": "observe"}, "refused"),
        ({"mode": "approve"}, "needs_approval"),
        ({"max_actions_per_hour": "0"}, "refused"),
        ({"modes": {"start": "approve"}}, "needs_approval"),
    ],
)
async def test_other_limits_decide_otherwise(tmp_path: Path, policy: Any, kind: str) -> None:
    """Fields of Limits by name, cast as from the environment."""
    found: Any = await again(tmp_path, "analyse", policy=policy)

    assert found["now"]["decision"]["kind"] == kind
    assert "decision" in found["different"]
    assert found["policy"].keys() == policy.keys()


@pytest.mark.parametrize("policy", [{"nope": "1"}, {"mode": "loud"}])
def test_a_wrong_limit_is_named(policy: dict[str, object]) -> None:
    """Before anything is read."""
    with pytest.raises(BadConfiguration, match=next(iter(policy))):
        overruled(Limits(), policy)


async def test_a_model_has_to_be_there(tmp_path: Path) -> None:
    """Asking for one where none is configured is an error, not a replay without it."""
    with pytest.raises(BadConfiguration, match="OPENAI_API_KEY"):
        await again(tmp_path, model="some-model")


async def test_only_nodes_that_decide_are_replayed(tmp_path: Path) -> None:
    """Heal and what follows it would need the world."""
    with pytest.raises(Permanent, match="monitor, retrieve-history, analyse"):
        await again(tmp_path, "heal")


async def test_a_replay_has_an_incidents_budget() -> None:
    """Two calls, then it goes on without; the incident's own account is not touched."""
    purse, call = (
        ReplayPurse(),
        ModelCall(incident="i", model="m", prompt_tokens=100, completion_tokens=50, cost=10),
    )

    def afford(spent: Any) -> str:
        return refusal(spent, prompt_tokens=100, dearest=10, ceilings=Ceilings())

    for _ in range(2):
        key = await purse.reserve_call(call, afford)
        await purse.settle_call(key, Usage(prompt_tokens=80, completion_tokens=20), 5)

    with pytest.raises(OverBudget, match="2 calls"):
        await purse.reserve_call(call, afford)
    assert (purse.used.model_calls, purse.used.prompt_tokens) == (2, 160)
