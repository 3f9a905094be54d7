"""PostgreSQL gone, silent, held up and lying, under the whole service and a real server."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from domain.errors import BadConfiguration, NotStored
from lab.processes import environment, free_port
from lab.world import Service
from memory.patience import REACHING, AsyncImpatient, Impatient
from memory.postgres import WRITER
from memory.store import open_store
from nightshift.clock import SystemClock
from nightshift.testing import StillClock, firing
from tests.faults.houses import House
from tests.postgres import cluster, server
from tests.test_service_end_to_end import SCOPE, Running

PATIENCE_S = 2.0
"""Instead of ten seconds, so that a frozen server is given up while a test looks on."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is silent, or does not take a connection, is given up soon."""
    monkeypatch.setattr(Impatient, "patience_s", PATIENCE_S)
    monkeypatch.setattr(AsyncImpatient, "patience_s", PATIENCE_S)
    monkeypatch.setitem(REACHING, "connect_timeout", int(PATIENCE_S))


def on(house: House, address: str) -> House:
    """The same house over that database."""
    more = {"database_url": SecretStr(address)}
    house.settings = house.settings.model_copy(update=more)
    return house


@contextmanager
def gone(address: str) -> Iterator[None]:
    """Every connection to it is cut, and no new one is let in."""
    server, _, name = address.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        try:
            yield
        finally:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


@contextmanager
def frozen(address: str) -> Iterator[None]:
    """The server and all its processes stop where they are; connections stay open."""
    with psycopg.connect(address) as connection:
        row = connection.execute("SELECT pg_read_file('postmaster.pid')").fetchone()
    assert row is not None
    first = int(row[0].split()[0])
    rest = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    pids = [first, *map(int, rest)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(pids):
            os.kill(pid, signal.SIGCONT)


async def refused(house: House, nightshift: Running) -> tuple[int, bool, bool]:
    """The answer to an alert, whether the database is told as degraded, and whether ready."""
    answer = await nightshift.post("ContainerDown", "web")
    degraded = bool(await house.degraded(nightshift, "database"))
    ready = (await nightshift.http.get("/ready")).status_code == 200
    return answer.status_code, degraded, ready


async def test_down(house: House, postgres: str) -> None:
    """503, not ready, seen in the metrics; when it is back the same process goes on by itself."""
    async with on(house, postgres).at_work() as nightshift:
        await house.world.break_("web", "crash")
        with gone(postgres):
            said = await refused(house, nightshift)
        row = await nightshift.end(await nightshift.accepted("ContainerDown", "web"))

    assert said == (503, True, False)
    assert (row.outcome, house.verbs()) == ("resolved", ["start web"])


async def test_down_during_an_incident(house: House, postgres: str) -> None:
    """What was accepted before ends, with one effect at most."""
    async with on(house, postgres).at_work() as nightshift:
        incident = await house.crash(nightshift)
        with gone(postgres):
            await asyncio.sleep(1.0)  # the outage itself
        row = await nightshift.end(incident)

    assert row.outcome in {"resolved", "escalated", "failed", "self_resolved"}
    assert len(house.verbs()) <= 1


async def under_way(house: House, nightshift: Running, count: int) -> list[str]:
    """So many incidents on a host where most is well, none of them at the same point."""
    found = []
    for number in range(5 * count):
        house.world.add(Service(name=f"n{number}", labels=SCOPE, restart="no"))
    for number in range(count):
        await house.world.break_(f"n{number}", "crash")
        found.append(await nightshift.accepted("ContainerDown", f"n{number}"))
        await asyncio.sleep(0.1)
    return found


@pytest.mark.timeout(90)
async def test_down_and_started_again(house: House) -> None:
    """The server is stopped at once under incidents and recovers: each is healed, once."""
    with server() as postgres:
        async with on(house, postgres.address).at_work() as nightshift:
            nightshift.http.timeout = 20
            incidents = await under_way(house, nightshift, 3)
            await asyncio.to_thread(postgres.stop, at_once=True)
            said = await refused(house, nightshift)
            await asyncio.sleep(1.0)  # the outage itself
            await asyncio.to_thread(postgres.start)
            rows = [await nightshift.end(one) for one in incidents]
            audit = await nightshift.service.store.audit()

    assert said == (503, True, False)
    assert [row.outcome for row in rows] == ["resolved"] * 3
    assert sorted(house.verbs()) == ["start n0", "start n1", "start n2"]
    assert audit.broken is None


@pytest.mark.timeout(90)
async def test_down_for_so_long_that_workers_end(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Procrastinate's worker gave up and cut its segments: signed on anew, it takes them over."""
    for name, seconds in {"WAIT_S": 0.5, "DRAIN_S": 0.5, "AGAIN_S": 0.2}.items():
        monkeypatch.setattr(f"memory.cluster.{name}", seconds)
    monkeypatch.setattr("nightshift.wiring_store.LEASE_S", 2.0)
    house.settings = house.settings.model_copy(update={"docker_stop_grace_s": 1})
    with server() as postgres, capture_logs() as logs:
        async with on(house, postgres.address).at_work() as nightshift:
            incidents = await under_way(house, nightshift, 3)
            await asyncio.to_thread(postgres.stop, at_once=True)
            async with asyncio.timeout(30):
                while sum(one["event"] == "worker_broke" for one in logs) < 2:  # noqa: ASYNC110  # a log wakes nobody
                    await asyncio.sleep(0.1)
            await asyncio.to_thread(postgres.start)
            rows = [await nightshift.end(one) for one in incidents]

    assert [row.outcome for row in rows] == ["resolved"] * 3
    assert sorted(house.verbs()) == ["start n0", "start n1", "start n2"]


async def test_down_at_the_start(tmp_path: Path) -> None:
    """Exit code 4 and one sentence, no traceback."""
    place = f"postgresql://nightshift:secret@127.0.0.1:{free_port()}/nightshift"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "nightshift", "worker", "--data-dir", str(tmp_path)),
        env=environment(DATABASE_URL=place),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()

    assert process.returncode == 4
    assert b"cannot be used" in said
    assert b"Traceback" not in said
    assert b"secret" not in said


@pytest.mark.usefixtures("impatient")
async def test_slow_for_good(house: House) -> None:
    """A frozen server breaks no connection: 503 in time, all else answers, and it goes on."""
    with cluster() as address:
        async with on(house, address).at_work() as nightshift:
            nightshift.http.timeout = 20
            await house.world.break_("web", "crash")
            with frozen(address):
                began = time.monotonic()
                said = await refused(house, nightshift)
                health = await nightshift.http.get("/health")
                took = time.monotonic() - began
                await asyncio.sleep(2 * PATIENCE_S)  # until every connection was given up
            async with asyncio.timeout(60):
                while (again := await nightshift.post("ContainerDown", "web")).status_code == 503:
                    pass
            row = await nightshift.end(await nightshift.sorted(again))

    assert said == (503, True, False)
    assert health.status_code == 200
    assert took < 20
    assert (row.outcome, house.verbs()) == ("resolved", ["start web"])


@pytest.mark.usefixtures("impatient")
async def test_slow_is_given_up() -> None:
    """A transaction that a frozen server does not answer ends as an error, frozen or not."""
    with cluster() as address:
        async with open_store(address, clock=StillClock()) as store:
            with frozen(address):
                began = time.monotonic()
                with pytest.raises(NotStored):
                    await store.accept([firing()])
                took = time.monotonic() - began

            assert await store.accept([firing()])
    assert took < 20


async def test_slow(postgres: str) -> None:
    """Somebody else holds the writers' lock: refused in time, and taken when it is free."""
    async with open_store(postgres, clock=StillClock()) as store:
        with psycopg.connect(postgres) as other:
            other.execute("SELECT pg_advisory_xact_lock(%s)", (WRITER,))
            began = time.monotonic()
            with pytest.raises(NotStored, match="lock timeout"):
                await store.accept([firing()])
            took = time.monotonic() - began

        assert took < 20
        assert await store.accept([firing()])


async def test_lies_that_it_is_of_this_version(postgres: str) -> None:
    """A database of a newer schema is not started on."""
    with psycopg.connect(postgres) as other:
        other.execute("UPDATE schema_version SET version = version + 1")

    with pytest.raises(BadConfiguration, match="schema version"):
        async with open_store(postgres, clock=SystemClock()):
            pass


async def test_lies_that_it_takes_writes(house: House, postgres: str) -> None:
    """Read-only, as a standby is: it can be read, so only a real write tells; 503, not ready."""
    name = postgres.rpartition("/")[2]
    async with on(house, postgres).at_work() as nightshift:
        with psycopg.connect(postgres, autocommit=True) as other:
            other.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = %s AND pid <> pg_backend_pid()",
                (name,),
            )
            said = await refused(house, nightshift)
            reason = await house.degraded(nightshift, "database")

    assert said == (503, True, False)
    assert "read-only" in reason


async def test_lies_that_a_commit_was_kept(postgres: str) -> None:
    """After a failover to an older copy the audit misses the head that was noted outside."""
    async with open_store(postgres, clock=StillClock()) as store:
        await store.accept([firing()])
        await store.pause("maintenance", by="ann")
        kept = (await store.audit()).head
        with psycopg.connect(postgres) as other:
            other.execute("SET session_replication_role = replica")
            other.execute("DELETE FROM journal WHERE hash = %s", (kept,))
        found = await store.audit([kept])

    assert found.missing == [kept]
