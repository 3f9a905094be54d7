"""memory/backup.py."""

import stat
from pathlib import Path

import pytest

from domain.errors import Conflict, Transient
from memory.opening import FILE
from memory.store import Store, open_store
from tests.stores import HandClock, opened


async def test_a_backup_is_a_whole_store(
    file_store: Store, tmp_path: Path, clock: HandClock
) -> None:
    """Taken beside the running service; what comes later is not in it."""
    incident = await opened(file_store)
    folder = tmp_path / "backup"
    folder.mkdir()
    await file_store.backup(folder / FILE)
    await opened(file_store, "later")
    async with open_store(folder, clock=clock) as restored:
        found = [row.id for row in await restored.incidents(limit=9)]

    assert found == [incident]
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600


async def test_a_backup_overwrites_nothing(file_store: Store, tmp_path: Path) -> None:
    """An older backup stays, and a place that is not there is said so."""
    (tmp_path / "old").write_text("old")
    with pytest.raises(Conflict):
        await file_store.backup(tmp_path / "old")
    with pytest.raises(Transient):
        await file_store.backup(tmp_path / "nowhere" / "file")

    assert (tmp_path / "old").read_text() == "old"
