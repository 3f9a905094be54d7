"""kill -9 around every commit of an incident's life: nothing acknowledged is lost."""

import subprocess
import sys
from pathlib import Path

import pytest

from domain.incident import Event
from memory.store import Store, open_store
from tests.crash_child import live
from tests.stores import HandClock

ROOT = Path(__file__).parents[2]
TOLD = ("received", "effect", "outcome")
"""What a message shows of such a life."""
STEPS = ["accepted", "taken", "claimed", "reserved", "concluded", "finished", "done"]


def crash(folder: Path, commit: int, when: str) -> list[str]:
    """Run the child until it dies; returns the steps that it was told are done."""
    command = [sys.executable, "-m", "tests.crash_child", str(folder), str(commit), when]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert child.returncode == -9, child.stderr
    return child.stdout.split()


def of_kind(events: list[Event], kind: str) -> int:
    """How many there are."""
    return sum(event.kind == kind for event in events)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("commit", range(1, len(STEPS) + 1))
async def test_a_life_goes_on_after_kill_9(
    tmp_path: Path, clock: HandClock, commit: int, when: str
) -> None:
    """Every acknowledged step is there, and taking up the thread ends it once."""
    said = crash(tmp_path, commit, when)
    async with open_store(tmp_path, clock=clock, channels=("console",)) as store:
        await store.recover()
        found = await store.incidents(limit=9)
        assert len(found) == (1 if "accepted" in said or when == "after" else 0)
        if not found or found[0].status != "done":
            await live(store, lambda _: None)

        assert said == STEPS[: commit - 1]
        await ended_once(store)


async def ended_once(store: Store) -> None:
    """One incident, done, with one intent, one result, one end, one episode and a whole journal."""
    (incident,) = await store.incidents(limit=9)
    (entry,) = await store.entries(incident.id, 1)
    story = await store.timeline(incident.id)
    (draft,) = await store.drafts("console", limit=9)

    assert (incident.status, incident.outcome) == ("done", "resolved")
    assert entry.result is not None
    kinds = ("received", "intent", "effect", "outcome")
    assert [of_kind([*story], kind) for kind in kinds] == [1, 1, 1, 1]
    assert (await store.episode_count(), (await store.audit()).broken) == (1, None)
    assert draft.version == sum(of_kind([*story], kind) for kind in TOLD)
