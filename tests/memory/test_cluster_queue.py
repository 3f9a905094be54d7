"""memory/cluster_queue.py: turns, what the dead leave behind, and who may still write."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest

from domain.decision import Allowed
from domain.errors import Conflict
from domain.store import Job
from memory.cluster_store import ClusterStore
from memory.store import open_store
from memory.turns import TURN, Turn
from tests.stores import CHANNELS, START, HandClock, alert, claimed, event, intent, opened


class Server:
    """The database as Procrastinate's functions see it."""

    def __init__(self, connection: psycopg.Connection[tuple[int]]) -> None:
        self._connection = connection

    def worker(self) -> int:
        """A worker that has just given a sign of life."""
        found = self._connection.execute("SELECT * FROM procrastinate_register_worker_v1()")
        return found.fetchall()[0][0]

    def silent(self, worker: int, seconds: float) -> None:
        """It has not been heard of for so long."""
        self._connection.execute(
            "UPDATE procrastinate_workers SET last_heartbeat = now() - make_interval(secs => %s) "
            "WHERE id = %s",
            (seconds, worker),
        )

    def fetched(self, worker: int) -> list[str]:
        """What Procrastinate would hand to this worker now, one after the other."""
        queue, asked = ["nightshift-default"], "SELECT lock FROM procrastinate_fetch_job_v2(%s, %s)"
        found: list[str] = []
        while (row := self._connection.execute(asked, (queue, worker)).fetchall()[0])[0]:
            found.append(str(row[0]))
        return found

    def lose_all_jobs(self) -> None:
        """As if Procrastinate had never heard of any."""
        self._connection.execute("DELETE FROM procrastinate_jobs")


@pytest.fixture
def server(postgres: str) -> Iterator[Server]:
    with psycopg.connect(postgres, autocommit=True) as connection:
        yield Server(connection)


@pytest.fixture
async def store(postgres: str, clock: HandClock) -> AsyncIterator[ClusterStore]:
    async with open_store(postgres, clock=clock, channels=CHANNELS, takeover_s=30.0) as opened:
        assert isinstance(opened, ClusterStore)
        yield opened


async def turn_of(store: ClusterStore, incident: str, worker: int) -> tuple[Job, Turn]:
    """The turn that this worker gets, which it must."""
    taken = await store.take_turn(incident, worker=worker)
    assert taken is not None
    return taken


@contextmanager
def within(turn: Turn) -> Iterator[None]:
    """What is written here is written within that turn."""
    before = TURN.set(turn)
    try:
        yield
    finally:
        TURN.reset(before)


async def test_a_job_is_queued_with_its_alert(store: ClusterStore, server: Server) -> None:
    """What is stored is handed to a worker, and what is refused is not."""
    incident = await opened(store)
    with pytest.raises(Conflict):
        await store.database.write(_torn, store)

    assert server.fetched(server.worker()) == [incident]


def _torn(connection: object, store: ClusterStore) -> None:
    store._accept(connection, [_storable("torn")])  # type: ignore[arg-type]  # the writer's own
    raise Conflict("and then it failed")


def _storable(name: str):  # type: ignore[no-untyped-def]  # as accept makes it
    from memory.sorting import storable

    return storable(alert(name))


async def test_the_living_keep_their_turn(store: ClusterStore, server: Server) -> None:
    """Nobody gets what a worker that was heard of within the time has taken."""
    incident, one, other = await opened(store), server.worker(), server.worker()
    await turn_of(store, incident, one)
    server.silent(one, 29)
    await store.sweep()

    assert await store.take_turn(incident, worker=other) is None


async def test_the_dead_lose_it(store: ClusterStore, server: Server) -> None:
    """After lease and longest call its job is the next worker's, who is told of it."""
    incident, one, other = await opened(store), server.worker(), server.worker()
    server.fetched(one)
    await turn_of(store, incident, one)
    server.silent(one, 31)
    await store.sweep()

    assert server.fetched(other) == [incident]
    assert (await turn_of(store, incident, other))[0].why == "alert"


async def test_who_left_in_order_is_not_waited_for(store: ClusterStore, server: Server) -> None:
    """A worker that is not registered any more has no turn."""
    incident = await opened(store)
    await turn_of(store, incident, 4711)

    assert await store.take_turn(incident, worker=server.worker()) is not None


async def test_a_late_worker_cannot_write(store: ClusterStore, server: Server) -> None:
    """Taken for dead and awake again, it can neither promise, nor conclude, nor end anything."""
    incident, one, other = await opened(store), server.worker(), server.worker()
    job, old = await turn_of(store, incident, one)
    promise = intent(incident, fence=await claimed(store, incident))
    server.silent(one, 31)
    _, new = await turn_of(store, incident, other)
    with within(old):
        for late in (
            store.reserve([promise], lambda _: Allowed()),
            store.record(incident, event("effect")),
            store.finish(incident, "resolved", "healed", None),
            store.wake(incident, why="wake", at=START),
            store.done(job),
        ):
            with pytest.raises(Conflict, match="has taken incident"):
                await late
    with within(new):
        assert isinstance(await store.reserve([promise], lambda _: Allowed()), Allowed)


async def test_a_turn_ends_with_its_segment(store: ClusterStore, server: Server) -> None:
    """What is written late in the name of a segment that has ended is refused too."""
    incident = await opened(store)
    job, turn = await turn_of(store, incident, server.worker())
    with within(turn):
        await store.done(job)
        with pytest.raises(Conflict):
            await store.record(incident, event("effect"))


async def test_being_swept_away_is_enough(store: ClusterStore, server: Server) -> None:
    """It cannot write once its job was given back, even if nobody has taken it yet."""
    incident, one = await opened(store), server.worker()
    _, old = await turn_of(store, incident, one)
    server.silent(one, 31)
    await store.sweep()
    with within(old), pytest.raises(Conflict):
        await store.record(incident, event("effect"))


async def test_what_nobody_heard_of_is_told_again(store: ClusterStore, server: Server) -> None:
    """A row whose wake-up was lost is found by the sweep, once."""
    found = await store.accept([alert("a"), alert("b")])
    server.lose_all_jobs()
    for _ in range(3):
        await store.sweep()

    assert sorted(server.fetched(server.worker())) == sorted(found)


async def test_a_worker_whose_clock_is_slow(
    store: ClusterStore, server: Server, clock: HandClock
) -> None:
    """Woken before the job is due by its own clock, it has itself woken again."""
    incident = await opened(store)
    server.fetched(server.worker())
    clock.tick(-5)

    assert await store.take_turn(incident, worker=server.worker()) is None
    server.lose_all_jobs()
    clock.tick(5)
    await store.sweep()
    assert server.fetched(server.worker()) == [incident]


async def test_the_sooner_due_comes_first(store: ClusterStore, server: Server) -> None:
    """A wait of four hours keeps nothing of its incident from being handed out."""
    incident, worker = await opened(store), server.worker()
    assert server.fetched(worker) == [incident]
    server.lose_all_jobs()
    await store.wake(incident, why="expiry", at=START + timedelta(hours=4))
    await store.wake(incident, why="decision", at=START)

    assert server.fetched(worker) == [incident]


async def test_leases_have_one_holder(store: ClusterStore) -> None:
    """It is kept by its holder, refused to others, free after its end or its release."""
    assert await store.hold("outbox", holder="a", seconds=30)
    assert await store.hold("outbox", holder="a", seconds=30)
    assert not await store.hold("outbox", holder="b", seconds=30)
    assert await store.hold("watch", holder="b", seconds=30)
    await store.release("outbox", holder="b")
    assert not await store.hold("outbox", holder="b", seconds=30)
    await store.release("outbox", holder="a")
    assert await store.hold("outbox", holder="b", seconds=-1)
    assert await store.hold("outbox", holder="a", seconds=30)


async def test_the_living_are_counted(store: ClusterStore, server: Server) -> None:
    """Those that were heard of within the time."""
    server.silent(server.worker(), 31)
    server.worker()

    assert await store.living() == 1
