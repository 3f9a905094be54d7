"""One archive with everything, taken beside a service, and a data directory made of it."""

import gzip
import io
import json
import stat
import tarfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from domain.errors import BadConfiguration, Conflict, NightshiftError, Permanent, Transient
from domain.state import IncidentState
from graph.build import build
from memory.opening import FILE
from memory.store import Store, open_store
from nightshift.archive import MANIFEST, back_up, unpack
from nightshift.checkpoints import CHECKPOINTS, open_checkpoints
from nightshift.manifest import Manifest
from nightshift.restoring import restore
from nightshift.runs import config_of
from nightshift.settings import Settings
from nightshift.wiring_memory import open_memory
from tests.stores import START, HandClock, claimed, episode, intent, opened

WORDS = "web container down exited"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A service's store with three finished incidents, an open one and a promise in the journal."""
    async with open_store(tmp_path / "data", clock=HandClock()) as store:
        for name in ("web", "db", "cache"):
            incident = await opened(store, name)
            await store.finish(incident, "resolved", "all good", episode(incident, service=name))
        incident = await opened(store, "open")
        promise = intent(incident, fence=await claimed(store, incident))
        await store.reserve([promise], lambda _: _allowed())
        async with open_checkpoints(tmp_path / "data" / CHECKPOINTS) as saver:
            state: IncidentState = {"graph_version": 1, "incident": incident, "reason": "kept"}
            graph = build().compile(checkpointer=saver)
            await graph.aupdate_state(config_of(incident), state, as_node="analyse")
        (tmp_path / "data" / "token").write_text("t0ken\n")
        yield store


def _allowed() -> Any:
    from domain.decision import Allowed

    return Allowed()


def packed(tmp_path: Path, **more: Any) -> Manifest:
    """Back the data directory up to `copy.tar.gz`."""
    return back_up(tmp_path / "data", tmp_path / "copy.tar.gz", by="0.1", at=START, **more)


def settings(folder: Path) -> Settings:
    """Of a service over that directory."""
    return Settings(_env_file=None, nightshift_data_dir=folder)


async def answers(store: Store, folder: Path, index: Path) -> list[Any]:
    """What people and runs ask of a store and its memory; the index is filled in `index`."""
    rows = await store.incidents(limit=99)
    lines = [await store.timeline(row.id) for row in rows]
    async with AsyncExitStack() as stack:
        memory = open_memory(settings(index), stack, store)
        similar = await memory.similar(WORDS, limit=9)
    journal = [line.plain() for line in await store.lines()]
    return [rows, lines, await store.stats(), journal, await store.audit(), similar]


async def test_the_restored_copy_answers_the_same(store: Store, tmp_path: Path) -> None:
    """Incidents, timelines, counters, audit trail, and similar incidents with their scores."""
    packed(tmp_path)
    before = await answers(store, tmp_path / "data", tmp_path / "other")
    await opened(store, "later")
    found = await restore(tmp_path / "copy.tar.gz", settings(tmp_path / "new"))
    async with open_store(tmp_path / "new", clock=HandClock()) as copy:
        after = await answers(copy, tmp_path / "new", tmp_path / "new")

    assert after == before
    assert len(before[-1]) == 3
    assert (found.remembered, found.later, found.audit) == (3, "", "")


async def test_a_person_is_answered_the_same(store: Store, tmp_path: Path) -> None:
    """The documented memory, over the old directory and the new one."""
    from memory.incidents import IncidentMemory

    packed(tmp_path)
    await restore(tmp_path / "copy.tar.gz", settings(tmp_path / "new"))
    old, new = IncidentMemory(tmp_path / "data"), IncidentMemory(tmp_path / "new")

    assert new.find_similar_incidents(WORDS) == old.find_similar_incidents(WORDS)
    assert new.get_incident_stats() == old.get_incident_stats()


async def test_a_run_goes_on_from_its_checkpoint(store: Store, tmp_path: Path) -> None:
    """Checkpoints are in it, and nothing of them is the database's."""
    made = packed(tmp_path)
    await restore(tmp_path / "copy.tar.gz", settings(tmp_path / "new"))
    (row, *_) = await store.incidents(limit=9, status="open")
    async with open_checkpoints(tmp_path / "new" / CHECKPOINTS) as saver:
        found = await build().compile(checkpointer=saver).aget_state(config_of(row.id))

    assert found.values["reason"] == "kept"
    assert made.counts == {
        "incidents": 4,
        "episodes": 3,
        "journal_lines": made.counts["journal_lines"],
        "threads_with_checkpoints": 1,
    }


def modes_in(folder: Path) -> dict[str, int]:
    """Permissions by name."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def test_all_of_it_is_private(store: Store, tmp_path: Path) -> None:
    """The archive, the directory and the files: this user's alone; no leftovers."""
    packed(tmp_path)
    unpack(tmp_path / "copy.tar.gz", tmp_path / "new")
    modes, inside = modes_in(tmp_path), modes_in(tmp_path / "new")

    assert (modes["copy.tar.gz"], modes["new"]) == (0o600, 0o700)
    assert inside == {FILE: 0o600, CHECKPOINTS: 0o600}
    assert sorted(modes) == ["copy.tar.gz", "data", "new"]


@pytest.mark.parametrize("with_token", [True, False])
async def test_the_token_is_there_only_if_asked_for(
    store: Store, tmp_path: Path, with_token: bool
) -> None:
    """An archive travels; a token opens the door."""
    packed(tmp_path, with_token=with_token)
    unpack(tmp_path / "copy.tar.gz", tmp_path / "new")

    assert (tmp_path / "new" / "token").exists() is with_token
    assert (b"t0ken" in gzip.decompress((tmp_path / "copy.tar.gz").read_bytes())) is with_token


async def test_nothing_is_overwritten(store: Store, tmp_path: Path) -> None:
    """Neither an archive nor a directory with something in it; both stay as they were."""
    packed(tmp_path)
    before = (tmp_path / "copy.tar.gz").read_bytes()
    with pytest.raises(Conflict, match="overwrites nothing"):
        packed(tmp_path)
    with pytest.raises(BadConfiguration, match="not empty"):
        unpack(tmp_path / "copy.tar.gz", tmp_path / "data")

    assert (tmp_path / "copy.tar.gz").read_bytes() == before


def forged(path: Path, change: Any) -> None:
    """The archive with its members, a dict of name to bytes, changed by `change`."""
    with tarfile.open(path) as old:
        members = {one.name: old.extractfile(one).read() for one in old}  # type: ignore[union-attr]  # all are files
    change(members)
    with tarfile.open(path, "w:gz") as new:
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            new.addfile(info, io.BytesIO(body))


def told(packed: dict[str, bytes], **changes: Any) -> None:
    """Change the manifest."""
    known = json.loads(packed[MANIFEST])
    packed[MANIFEST] = json.dumps({**known, **changes}).encode()


FORGERIES = {
    "a changed byte": (lambda m: m.update({FILE: m[FILE] + b"x"}), Permanent, "damaged"),
    "a member less": (lambda m: m.pop(CHECKPOINTS), Permanent, "damaged"),
    "no manifest": (lambda m: m.pop(MANIFEST), Permanent, "no manifest"),
    "another's manifest": (lambda m: m.update({MANIFEST: b"{}"}), Permanent, "no backup"),
    "a newer schema": (lambda m: told(m, schema_version=99), BadConfiguration, "that version"),
    "a newer format": (lambda m: told(m, format=2), BadConfiguration, "that version"),
    "no store": (lambda m: told(m, members={}), Permanent, "no store"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_what_is_not_as_it_was_is_refused(store: Store, tmp_path: Path, forgery: str) -> None:
    """With a sentence, and the directory stays empty."""
    packed(tmp_path)
    change, error, words = FORGERIES[forgery]
    forged(tmp_path / "copy.tar.gz", change)
    with pytest.raises(error, match=words):
        unpack(tmp_path / "copy.tar.gz", tmp_path / "new")

    assert modes_in(tmp_path / "new") == {}


async def test_what_does_not_belong_there_is_left_in(store: Store, tmp_path: Path) -> None:
    """A member with a path of its own goes nowhere."""
    packed(tmp_path)
    forged(tmp_path / "copy.tar.gz", lambda m: m.update({"../evil": b"x", "evil": b"x"}))
    unpack(tmp_path / "copy.tar.gz", tmp_path / "new")

    assert sorted(modes_in(tmp_path / "new")) == [CHECKPOINTS, FILE]
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("keep", [0, 10, 2000])
async def test_half_an_archive_is_refused(store: Store, tmp_path: Path, keep: int) -> None:
    """A copy that broke off says so."""
    packed(tmp_path)
    whole = (tmp_path / "copy.tar.gz").read_bytes()
    (tmp_path / "copy.tar.gz").write_bytes(whole[:keep])
    with pytest.raises(NightshiftError, match=r"copy\.tar\.gz"):
        unpack(tmp_path / "copy.tar.gz", tmp_path / "new")


def test_where_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    """No store, a disk that does not take it, a database elsewhere: each says what to do."""
    with pytest.raises(BadConfiguration, match="NIGHTSHIFT_DATA_DIR"):
        packed(tmp_path)
    with pytest.raises(BadConfiguration, match="pg_dump"):
        back_up("postgresql://db/nightshift", tmp_path / "copy", by="0.1", at=START)


async def test_a_place_that_is_not_there(store: Store, tmp_path: Path) -> None:
    """It is the disk's fault, and nothing is left behind."""
    with pytest.raises(Transient, match="no backup at"):
        back_up(tmp_path / "data", tmp_path / "nowhere" / "copy", by="0.1", at=START)
    with pytest.raises(Transient, match="not restored"):
        unpack(tmp_path / "nowhere", tmp_path / "new")
