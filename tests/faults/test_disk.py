"""The disk full, read-only and slow, and a database that lies, under a real store.

`full` is the kernel's own refusal: a limit on file sizes (RLIMIT_FSIZE) lets no file grow.
`read-only` is SQLite's own refusal on the writing connection, for root writes to any directory.
"""

import asyncio
import resource
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from domain.errors import BadConfiguration, NotStored, Transient
from memory.store import Store, open_store
from nightshift.testing import StillClock, firing
from tests.faults.houses import House
from tests.graph.driving import Service
from tests.stores import on_writer
from tests.test_service_end_to_end import Running

KEPT = 1024
"""Bytes that files may still have: less than a page of the database."""


@contextmanager
def full() -> Iterator[None]:
    """No file of this process grows beyond a little."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (KEPT, hard))
    try:
        with capture_logs():  # what is printed would go to a file of pytest's
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@contextmanager
def read_only(store: Store) -> Iterator[None]:
    """What SQLite says when it may not write."""
    on_writer(store, "query_only = ON")
    try:
        yield
    finally:
        on_writer(store, "query_only = OFF")


async def refused(house: House, nightshift: Running) -> tuple[int, str, bool]:
    """The answer to an alert, what `/ready` says of the database, and whether it is ready."""
    answer = await nightshift.post("ContainerDown", "web")
    word = await house.degraded(nightshift, "database")
    ready = (await nightshift.http.get("/ready")).status_code == 200
    return answer.status_code, word, ready


async def test_full(house: House) -> None:
    """503, not ready, seen in the metrics; with room again the next post is healed."""
    async with house.at_work() as nightshift:
        await house.world.break_("web", "crash")
        with full():
            status, word, ready = await refused(house, nightshift)
        row = await nightshift.end(await nightshift.accepted("ContainerDown", "web"))

    assert (status, ready) == (503, False)
    assert "the store did not do it" in word
    assert (row.outcome, house.verbs()) == ("resolved", ["start web"])


async def test_read_only(house: House) -> None:
    """The same, told apart by its reason."""
    async with house.at_work() as nightshift:
        await house.world.break_("web", "crash")
        with read_only(nightshift.service.store):
            status, word, ready = await refused(house, nightshift)
        row = await nightshift.end(await nightshift.accepted("ContainerDown", "web"))

    assert (status, ready) == (503, False)
    assert "readonly database" in word
    assert row.outcome == "resolved"


async def test_read_only_at_the_start(tmp_path: Path) -> None:
    """A directory that cannot be written is named; the process does not start."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BadConfiguration, match="cannot be written"):
        async with open_store(tmp_path / "file" / "data", clock=StillClock()):
            pass


async def test_full_during_an_incident(house: House) -> None:
    """Accepted before, so it ends: what could not be written down was not done meanwhile."""
    async with house.at_work() as nightshift:
        incident = await house.crash(nightshift)
        with full():
            await asyncio.sleep(1.0)
            before = house.verbs()
        row = await nightshift.end(incident)

    assert len(before) <= 1
    assert len(house.verbs()) <= 1
    assert row.outcome in {"resolved", "escalated", "failed", "self_resolved"}


async def test_no_act_without_a_record(service: Service) -> None:
    """The intent cannot be written: nothing is sent to Docker."""
    service.world.containers.crash("web")
    incident = await service.alert()
    reserve = service.world.store.database.write

    async def failing(work: object, *args: object, **kwargs: object) -> object:
        if getattr(work, "__name__", "") == "_reserve":
            raise Transient("the store did not do it: database or disk is full")
        return await reserve(work, *args, **kwargs)  # type: ignore[arg-type]  # handed on as it came

    service.world.store.database.write = failing  # type: ignore[method-assign,assignment]  # one kind of write
    row = await service.end(incident)

    assert service.verbs() == []
    assert row.outcome == "failed"
    assert "disk is full" in row.reason


async def test_slow(tmp_path: Path) -> None:
    """Somebody else holds the file: refused within the time limit, and taken when it is free."""
    async with open_store(tmp_path, clock=StillClock()) as store:
        on_writer(store, "busy_timeout = 50")
        other = sqlite3.connect(tmp_path / "nightshift.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(NotStored, match="locked"):
            await store.accept([firing()])
        with pytest.raises(Transient, match="locked"):
            await store.prove_writable()
        other.execute("ROLLBACK")
        other.close()

        assert await store.accept([firing()])


async def test_lies_at_the_start(tmp_path: Path) -> None:
    """A damaged file is no store: named, and not started on."""
    async with open_store(tmp_path, clock=StillClock()) as store:
        await store.accept([firing()])
    path = tmp_path / "nightshift.db"
    body = bytearray(path.read_bytes())
    body[4096:12288] = b"\xff" * 8192
    path.write_bytes(body)

    with pytest.raises(BadConfiguration, match="cannot be used"):
        async with open_store(tmp_path, clock=StillClock()):
            pass


async def test_lies_while_it_runs(tmp_path: Path) -> None:
    """Pages that are none are an error of the store, not facts."""
    async with open_store(tmp_path, clock=StillClock()) as store:
        (incident,) = await store.accept([firing()])
        other = sqlite3.connect(tmp_path / "nightshift.db")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        other.close()
        store.database.looking.close()
        store.database.reader.dispose()
        path = tmp_path / "nightshift.db"
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (path.stat().st_size - 4096))

        with pytest.raises(Transient, match="the store did not do it"):
            await store.timeline(incident)
