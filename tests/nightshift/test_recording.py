"""What is collected of an incident: enough to go over it again without its store."""

from pathlib import Path

import pytest

from domain.errors import NotFound
from memory.store import open_store
from nightshift.clock import SystemClock
from nightshift.recording import Recording, read_recording
from tests.recorded_incident import crash_healed


async def recorded(folder: Path) -> Recording:
    """The recording of a healed crash."""
    incident = await crash_healed(folder)
    async with open_store(folder, clock=SystemClock(), owner=False) as store:
        return await read_recording(store, folder, incident)


async def test_every_checkpoint_knows_who_wrote_it(tmp_path: Path) -> None:
    """From the first state to the last, in order."""
    found = await recorded(tmp_path)
    path = ["__start__", "monitor", "retrieve-history", "analyse", "heal", "verify", "notify"]

    assert [step.by for step in found.steps] == [*path, "learn"]
    assert found.steps[-1].next == []
    assert found.steps[-1].values["outcome"] == "resolved"


async def test_all_that_the_states_cite_is_there(tmp_path: Path) -> None:
    """Evidence of every round, the target's story and what we did to it."""
    found = await recorded(tmp_path)
    cited = found.steps[-1].values["evidence"]

    assert [one.id for one in found.evidence] == cited
    assert [one.action for one in found.story][:1] == ["die"]
    assert [one.intent.effect.verb for one in found.ours] == ["start"]


async def test_the_past_is_that_of_others(tmp_path: Path) -> None:
    """An incident must not learn from its own end when it is gone over again."""
    found = await recorded(tmp_path)

    assert (found.past, found.standing.recent) == ([], [])


async def test_a_recording_survives_json(tmp_path: Path) -> None:
    """It travels to Studio and lies there as a file."""
    found = await recorded(tmp_path)

    assert Recording.model_validate_json(found.model_dump_json()) == found


async def test_what_comes_before_a_node_is_its_first_time(tmp_path: Path) -> None:
    """None for a node that the incident never reached."""
    found = await recorded(tmp_path)
    before = found.before("heal")

    assert before
    assert before.by == "analyse"
    assert found.before("approve") is None


async def test_an_unknown_incident_has_no_recording(tmp_path: Path) -> None:
    """Said as everywhere."""
    await crash_healed(tmp_path)
    async with open_store(tmp_path, clock=SystemClock(), owner=False) as store:
        with pytest.raises(NotFound, match="nope"):
            await read_recording(store, tmp_path, "nope")
