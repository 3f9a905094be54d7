"""memory/opening.py."""

import stat
from pathlib import Path

import pytest

from domain.errors import BadConfiguration, Conflict
from memory.opening import FILE
from memory.store import open_store
from tests.stores import HandClock, alert, opened


async def refused(place: Path | str, clock: HandClock, *, owner: bool = True) -> str:
    """Why the store does not open."""
    with pytest.raises(BadConfiguration) as caught:
        async with open_store(place, clock=clock, owner=owner):
            pass
    return str(caught.value)


async def test_the_data_are_private(tmp_path: Path, clock: HandClock) -> None:
    """Directory 0700, files 0600, SQLite's side files too."""
    folder = tmp_path / "deep" / "data"
    async with open_store(folder, clock=clock) as store:
        await opened(store)
        modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}

    assert (stat.S_IMODE(folder.stat().st_mode), modes) == (0o700, {0o600})


async def test_a_second_owner_is_refused(tmp_path: Path, clock: HandClock) -> None:
    """The message names the process; afterwards the directory is free again."""
    async with open_store(tmp_path, clock=clock) as store:
        assert "another Nightshift (process " in await refused(tmp_path, clock)
        await opened(store)

    async with open_store(tmp_path, clock=clock) as store:
        assert (await store.stats()).incidents == 1


async def test_the_command_line_works_beside_the_service(tmp_path: Path, clock: HandClock) -> None:
    """It reads and writes, but takes no jobs."""
    async with (
        open_store(tmp_path, clock=clock) as service,
        open_store(tmp_path, clock=clock, owner=False) as beside,
    ):
        incident = await opened(service)
        await beside.pause("maintenance", by="ann")

        assert (await beside.incident(incident)).alert == alert()
        assert await service.paused() == "maintenance"
        for forbidden in (beside.take(), beside.recover()):
            with pytest.raises(Conflict):
                await forbidden


async def test_reading_creates_nothing(tmp_path: Path, clock: HandClock) -> None:
    """A mistyped directory is said to be empty of a store, not shown as an empty one."""
    assert "no store" in await refused(tmp_path / "typo", clock, owner=False)
    assert not (tmp_path / "typo").exists()


async def test_a_broken_file_is_named(tmp_path: Path, clock: HandClock) -> None:
    """Garbage is refused with what to do, and left as it is."""
    (tmp_path / FILE).write_bytes(b"not a database" * 1000)

    assert "restore the last backup" in await refused(tmp_path, clock)
    assert (tmp_path / FILE).read_bytes().startswith(b"not a database")


async def test_a_damaged_page_is_found_at_start(tmp_path: Path, clock: HandClock) -> None:
    """Not only the header counts."""
    async with open_store(tmp_path, clock=clock) as store:
        await store.accept([alert(f"n{number}") for number in range(50)])
    body = bytearray((tmp_path / FILE).read_bytes())
    body[8192 : len(body) // 2] = b"\xff" * (len(body) // 2 - 8192)
    (tmp_path / FILE).write_bytes(body)

    assert "restore the last backup" in await refused(tmp_path, clock)


async def test_what_cannot_be_written_is_named(tmp_path: Path, clock: HandClock) -> None:
    """A path through a file is no directory."""
    (tmp_path / "file").touch()

    assert "NIGHTSHIFT_DATA_DIR" in await refused(tmp_path / "file" / "data", clock)


async def test_addresses(tmp_path: Path, clock: HandClock) -> None:
    """A sqlite address names the file itself; others are refused without showing them."""
    async with open_store(f"sqlite:///{tmp_path}/own.db", clock=clock) as store:
        await opened(store)
    why = await refused("mysql://me:hunter2@db/x", clock)

    assert (tmp_path / "own.db").exists()
    assert "mysql" in why
    assert "hunter2" not in why
