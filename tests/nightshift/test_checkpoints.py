"""The file with LangGraph's checkpoints: private, durable, and strict about what it revives."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from domain.errors import BadConfiguration
from graph.build import build
from nightshift.checkpoints import open_checkpoints, strict_serde
from nightshift.runs import config_of


@dataclass
class Foreign:
    """What somebody who can write the file would like to see made."""

    command: str


async def kept(saver: BaseCheckpointSaver[str], incident: str) -> Any:
    """The reason that this incident's checkpoint holds."""
    graph = build().compile(checkpointer=saver)
    return (await graph.aget_state(config_of(incident))).values.get("reason")


async def keep(saver: BaseCheckpointSaver[str], incident: str, reason: Any) -> None:
    """Write a checkpoint with this reason."""
    graph = build().compile(checkpointer=saver)
    state: Any = {"graph_version": 1, "reason": reason}
    await graph.aupdate_state(config_of(incident), state, as_node="monitor")


def modes(folder: Path) -> dict[str, int]:
    """Who may do what with each file, by name."""
    return {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}


async def test_a_checkpoint_outlives_its_process(tmp_path: Path) -> None:
    """Closed and opened again, it is there, for its own incident only."""
    path = tmp_path / "checkpoints.db"
    async with open_checkpoints(path) as saver:
        await keep(saver, "one", "because")
    async with open_checkpoints(path) as saver:
        assert await kept(saver, "one") == "because"
        assert await kept(saver, "other") is None


async def test_a_commit_is_on_the_disk(tmp_path: Path) -> None:
    """WAL with full synchronisation; another process is waited for."""
    async with open_checkpoints(tmp_path / "checkpoints.db") as saver:
        found: list[Any] = []
        for name in ("journal_mode", "synchronous", "busy_timeout"):
            found += saver.conn.execute(f"PRAGMA {name}").fetchone()

    assert found == ["wal", 2, 5000]


@pytest.mark.parametrize("left_open", [True, False])
async def test_nobody_else_can_read_it(tmp_path: Path, left_open: bool) -> None:
    """It holds what alerts and logs said, and so does what SQLite writes beside it."""
    path = tmp_path / "checkpoints.db"
    for name in ("checkpoints.db", "checkpoints.db-wal") if left_open else ():
        (tmp_path / name).touch(mode=0o644)
    async with open_checkpoints(path) as saver:
        await keep(saver, "one", "because")
        found = modes(tmp_path)

    assert found == {
        "checkpoints.db": 0o600,
        "checkpoints.db-wal": 0o600,
        "checkpoints.db-shm": 0o600,
    }


async def test_a_file_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    """The message names what to set."""
    with pytest.raises(BadConfiguration, match="NIGHTSHIFT_DATA_DIR"):
        async with open_checkpoints(tmp_path / "nowhere" / "checkpoints.db"):
            pass


async def test_a_foreign_object_is_not_revived(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A checkpoint that was tampered with makes nothing but plain values."""
    path = tmp_path / "checkpoints.db"
    async with open_checkpoints(path) as saver:
        saver.serde = JsonPlusSerializer(allowed_msgpack_modules=True)
        await keep(saver, "one", Foreign(command="rm"))
    async with open_checkpoints(path) as saver:
        found = await kept(saver, "one")

    assert not isinstance(found, Foreign)
    assert "Foreign" in caplog.text


def test_plain_values_come_back_as_they_were() -> None:
    """All that a channel holds."""
    serde = strict_serde()
    value = {"text": "ä", "list": [1, 2.5, None, True], "nested": {"a": {}}}

    assert serde.loads_typed(serde.dumps_typed(value)) == value


def test_nothing_is_pickled() -> None:
    """What has no plain form is an error when it is written, not a hole when it is read."""
    with pytest.raises(TypeError):
        strict_serde().dumps_typed({"lock": object()})
