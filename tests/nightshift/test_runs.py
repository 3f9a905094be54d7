"""Workers over the real graph and store, in a world of fakes whose clock stands still."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from structlog.testing import capture_logs

from domain.alert import Alert
from domain.decision import Approval
from domain.errors import Transient
from domain.facts import ContainerFacts
from domain.incident import Attempt, Event, Incident
from domain.ports import Performed
from domain.remedy import Effect
from domain.state import GRAPH_VERSION
from graph.build import build
from nightshift.checkpoints import strict_serde
from nightshift.runs import BACKOFF_S, GIVE_WAY_S, TRIES, Runs, config_of, first_state
from nightshift.testing import FixedRulebook, World, container, firing, match, open_world
from nightshift.watch import cancel


@dataclass
class Disk:
    """Where checkpoints go. LangGraph works with copies of a saver: they share this."""

    full: bool = False


class Saver(InMemorySaver):
    """Checkpoints in memory; while the disk is full none can be written."""

    def __init__(self) -> None:
        super().__init__(serde=strict_serde())
        self.disk = Disk()

    async def aput(self, *args: Any, **kwargs: Any) -> Any:
        """Write, or fail."""
        if self.disk.full:
            raise OSError("no space left on device")
        return await super().aput(*args, **kwargs)


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    """What was logged."""
    with capture_logs() as found:
        yield found


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """`web` stands on `db`; the runbook says start, else restart."""
    web = container("web", health="healthy", depends_on=["db"])
    async with open_world(tmp_path, web, container("db"), container("api")) as world:
        world.rulebook = FixedRulebook(match("start", "restart", needs=("stop",)))
        yield world


@pytest.fixture
def saver() -> Saver:
    """Where checkpoints go; it outlives the workers."""
    return Saver()


@asynccontextmanager
async def working(world: World, saver: Saver, *, n: int = 1) -> AsyncIterator[Runs]:
    """`n` workers, until the block ends; those that still work are cancelled then."""
    runs = Runs(world.store, world.deps, saver)
    workers = [asyncio.create_task(runs.work()) for _ in range(n)]
    try:
        yield runs
    finally:
        runs.stop()  # LangGraph may swallow a cancellation that comes with the end of a run
        await cancel(workers)


async def until(world: World, incident: str, good: Callable[[Incident], bool]) -> Incident:
    """The incident as soon as it is so; woken by what the store records."""
    async with asyncio.timeout(20):
        while True:
            seen = world.store.change_count
            row = await world.store.incident(incident)
            if good(row):
                return row
            await world.store.wait_change(seen, timeout=1)


async def ends(world: World, incident: str) -> Incident:
    """The incident when it is done."""
    return await until(world, incident, lambda row: row.status == "done")


async def parks(world: World, incident: str) -> Incident:
    """The incident when it waits, and its segment has ended."""
    row = await until(world, incident, lambda row: row.status == "waiting")
    async with asyncio.timeout(20):
        while (await world.store.next_due()) is None:
            await world.store.wait_change(None, timeout=0.05)
    return row


async def sleeps(world: World) -> None:
    """Return when all that is left to do is for later."""
    async with asyncio.timeout(20):
        while (due := await world.store.next_due()) is None or due <= world.clock.now():
            await world.store.wait_change(None, timeout=0.02)


async def passes(world: World, incident: str) -> Incident:
    """The incident when it is done; while nothing is due time passes."""
    async with asyncio.timeout(20):
        while (row := await world.store.incident(incident)).status != "done":
            due = await world.store.next_due()
            if due is not None and due > world.clock.now():
                world.clock.advance((due - world.clock.now()).total_seconds())
                await world.store.wake(incident, why="wake", at=world.clock.now())
            await world.store.wait_change(None, timeout=0.02)
    return row


async def idle(world: World) -> None:
    """Return when there is no job left."""
    async with asyncio.timeout(10):
        while (await world.store.stats()).queue_depth:
            await world.store.wait_change(None, timeout=0.02)


async def crashed(world: World, name: str = "web", alert: Alert | None = None) -> str:
    """It crashes, and its alert is accepted."""
    world.containers.crash(name)
    await world.watch()
    return await world.accept(alert or firing(name=name))


def slow_start(facts: ContainerFacts) -> ContainerFacts:
    """Its health check has yet to pass."""
    return facts.model_copy(update={"health": "starting"})


def verbs(world: World) -> list[str]:
    """What took place, as `verb name`."""
    return [f"{one.verb} {one.target.name}" for one in world.containers.done]


async def told(world: World, incident: str, kind: str) -> list[Event]:
    """Its events of that kind."""
    return [one for one in await world.store.timeline(incident) if one.kind == kind]


async def test_a_job_drives_a_whole_incident(world: World, saver: Saver) -> None:
    """From alert to outcome in one go, and the job is gone."""
    incident = await crashed(world)
    async with working(world, saver):
        row = await ends(world, incident)

    assert (row.outcome, verbs(world)) == ("resolved", ["start web"])
    assert (await world.store.stats()).queue_depth == 0


async def test_a_long_look_parks(world: World, saver: Saver) -> None:
    """A verdict that takes long is a job in the future, not a worker that waits."""
    world.containers.fate("web", slow_start)
    slow = await crashed(world)
    async with working(world, saver):
        await parks(world, slow)
        due = await world.store.next_due()
        other = await ends(world, await crashed(world, "api"))

    assert due is not None
    assert due > world.clock.now() - timedelta(seconds=10)
    assert other.outcome == "resolved"
    assert (await world.store.incident(slow)).status == "waiting"


async def test_a_parked_look_goes_on(world: World, saver: Saver) -> None:
    """Woken at its time it looks again, and nothing is done twice."""
    world.containers.fate("web", slow_start)
    incident = await crashed(world)
    async with working(world, saver):
        await parks(world, incident)
        world.containers.change("web", health="healthy")
        world.clock.advance(10)
        row = await ends(world, incident)

    assert (row.outcome, verbs(world)) == ("resolved", ["start web"])


async def asks(world: World) -> str:
    """Somebody stopped `web`: the incident asks a person."""
    world.containers.stop("web")
    await world.watch()
    return await world.accept(firing())


async def says(world: World, incident: str, answer: str) -> None:
    """A person answers the open request."""
    request = await world.store.pending_approval(incident)
    values = {"digest": (request or {})["digest"], "answer": answer, "by": "ann"}
    await world.store.decide(incident, Approval.model_validate(values))


@pytest.mark.parametrize(
    ("answer", "outcome", "done"),
    [("approve", "resolved", ["start web"]), ("deny", "denied", [])],
)
async def test_a_question_parks_until_it_is_answered(
    world: World, saver: Saver, answer: str, outcome: str, done: list[str]
) -> None:
    """Nothing is done before the answer is a row in the ledger; a new process takes it up."""
    incident = await asks(world)
    async with working(world, saver):
        await parks(world, incident)
        before = verbs(world)
    async with working(world, saver):
        await says(world, incident, answer)
        row = await ends(world, incident)

    assert before == []
    assert (row.outcome, verbs(world)) == (outcome, done)


async def test_a_question_nobody_answers_escalates(world: World, saver: Saver) -> None:
    """The request expires by a job of its own, loudly."""
    incident = await asks(world)
    async with working(world, saver):
        await parks(world, incident)
        world.clock.advance(world.limits.approval_ttl_s + 1)
        row = await ends(world, incident)
    (draft,) = await world.store.drafts("console", limit=9)

    assert (row.outcome, draft.loud, verbs(world)) == ("escalated", True, [])


async def test_a_folded_incident_ends_with_its_parent(world: World, saver: Saver) -> None:
    """It waits without a worker, and is closed once its own look says that all is well."""
    world.containers.fate("web", slow_start)
    parent = await crashed(world)
    async with working(world, saver):
        await parks(world, parent)
        child = await world.accept(firing("HighErrorRate", name="web"))
        waiting = await until(world, child, lambda row: row.parent == parent)
        world.containers.change("web", health="healthy")
        world.clock.advance(10)
        row = await ends(world, child)

    assert waiting.status != "done"
    assert (row.outcome, verbs(world)) == ("folded", ["start web"])


async def test_a_folded_incident_that_is_still_broken_reopens(world: World, saver: Saver) -> None:
    """Its parent's end is not its own: it claims the target and asks for itself."""
    parent = await asks(world)
    async with working(world, saver):
        await parks(world, parent)
        child = await world.accept(firing("HighErrorRate", name="web"))
        await until(world, child, lambda row: row.parent == parent)
        await says(world, parent, "deny")
        await ends(world, parent)
        row = await until(world, child, lambda row: row.parent is None)

    assert row.status != "done"
    assert len(await told(world, child, "reopened")) == 1


async def test_a_failed_segment_is_told_and_tried_again(world: World, saver: Saver) -> None:
    """Whatever went wrong is on the timeline; the run goes on where its checkpoint stands."""
    saver.disk.full = True
    incident = await crashed(world)
    async with working(world, saver):
        await parks(world, incident)
        due = await world.store.next_due()
        saver.disk.full = False
        world.clock.advance(BACKOFF_S * 2)
        row = await ends(world, incident)
    (error,) = await told(world, incident, "error")

    assert error.text == "the run failed: OSError: no space left on device"
    assert due == error.at + timedelta(seconds=BACKOFF_S * 2)
    assert (row.outcome, verbs(world)) == ("resolved", ["start web"])


async def fails(world: World, incident: str, *, times: int) -> datetime:
    """When it is tried again, after so many failures."""
    async with asyncio.timeout(20):
        while len(await told(world, incident, "error")) < times:
            await world.store.wait_change(None, timeout=0.05)
        while (due := await world.store.next_due()) is None:
            await world.store.wait_change(None, timeout=0.05)
    return due


async def test_it_gives_up_loudly(world: World, saver: Saver) -> None:
    """After its tries, with growing pauses, the incident ends as our failure and is heard."""
    saver.disk.full = True
    incident = await crashed(world)
    pauses: list[float] = []
    async with working(world, saver):
        for tries in range(1, TRIES):
            due = await fails(world, incident, times=tries)
            pauses.append((due - world.clock.now()).total_seconds())
            world.clock.advance(pauses[-1])
        row = await ends(world, incident)
    (draft,) = await world.store.drafts("console", limit=9)

    assert pauses == [4, 8, 16, 32, 60, 60, 60]
    assert (row.outcome, row.reason) == ("failed", "gave up: OSError: no space left on device")
    assert draft.loud
    assert verbs(world) == []


async def test_a_success_in_between_forgives(world: World, saver: Saver) -> None:
    """Only failures in a row count."""
    world.containers.fate("web", slow_start)
    incident = await crashed(world)
    async with working(world, saver) as runs:
        await parks(world, incident)
        saver.disk.full = True
        world.clock.advance(10)
        await fails(world, incident, times=1)
        counted = dict(runs._failures)
        saver.disk.full = False
        world.containers.change("web", health="healthy")
        world.clock.advance(10)
        await ends(world, incident)
        await idle(world)

    assert (counted, runs._failures) == ({incident: 1}, {})


async def test_a_store_that_fails_too_loses_nothing(
    world: World, saver: Saver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run and store broken at once: the next try is written as soon as the store takes it."""
    saver.disk.full = True
    wake, left = world.store.wake, [3]

    async def waking(incident: str, **given: Any) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise Transient("database is locked")
        saver.disk.full = False
        await wake(incident, **given)

    monkeypatch.setattr(world.store, "wake", waking)
    incident = await crashed(world)
    async with working(world, saver):
        await parks(world, incident)
        world.clock.advance(60)
        row = await ends(world, incident)

    assert row.outcome == "resolved"
    assert len(await told(world, incident, "error")) == 1


async def test_a_queue_that_cannot_be_read_is_asked_again(
    world: World, saver: Saver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker outlives the store's bad moments."""
    take, left = world.store.take, [3]

    async def taking() -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise Transient("database is locked")
        return await take()

    monkeypatch.setattr(world.store, "take", taking)
    async with working(world, saver):
        row = await ends(world, await crashed(world))

    assert row.outcome == "resolved"


async def test_one_of_the_idle_looks_for_all(
    world: World, saver: Saver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight idle workers ask the store as often as one, and not for each event."""
    incident, looks, next_due = await crashed(world), [0], world.store.next_due

    async def looking() -> Any:
        looks[0] += 1
        return await next_due()

    async with working(world, saver, n=8):
        await ends(world, incident)
        await idle(world)
        monkeypatch.setattr(world.store, "next_due", looking)
        for number in range(50):
            note = Event(kind="error", at=world.clock.now(), text=f"note {number}")
            await world.store.record(incident, note)

    assert looks[0] <= 5


async def test_work_gives_way_to_a_rush_of_alerts(
    world: World, saver: Saver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One segment begins at a time, however many workers there are."""
    waiting, most, asked = [0], [0], list[float]()

    async def lull(timeout: float, *, longest_s: float) -> None:  # noqa: ASYNC109  # the store's own
        asked.append(timeout)
        waiting[0] += 1
        most[0] = max(most[0], waiting[0])
        await asyncio.sleep(0.001)
        waiting[0] -= 1

    monkeypatch.setattr(world.store, "lull", lull)
    incidents = [await crashed(world), await crashed(world, "api")]
    async with working(world, saver, n=4):
        rows = [await ends(world, one) for one in incidents]

    assert [row.outcome for row in rows] == ["resolved", "resolved"]
    assert most == [1]
    assert len(asked) >= len(incidents)
    assert set(asked) == {GIVE_WAY_S}


async def test_who_waits_for_a_turn_holds_no_worker(world: World, saver: Saver) -> None:
    """One worker acts, and no second act may be: the other worker sees to a third alert."""
    world.limit(max_actions_at_once=1)
    perform, calling, answered = world.containers.perform, asyncio.Event(), asyncio.Event()

    async def slow(effect: Effect) -> Performed:
        calling.set()
        await answered.wait()
        return await perform(effect)

    world.containers.perform = slow  # type: ignore[method-assign]  # a daemon that takes its time
    async with working(world, saver, n=2):
        acting = await crashed(world, "api")
        await asyncio.wait_for(calling.wait(), 20)
        waiting = await crashed(world)
        await sleeps(world)
        other = await ends(world, await world.accept(firing(name="db")))
        before = (await world.store.incident(waiting)).attempts
        answered.set()
        rows = [await passes(world, one) for one in (acting, waiting)]

    assert (before, other.outcome) == ([], "self_resolved")
    assert [row.outcome for row in rows] == ["resolved", "resolved"]
    assert verbs(world) == ["start api", "start web"]


async def test_who_is_to_stop_gives_way_no_more(
    world: World, saver: Saver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rush does not hold up the end."""
    rushing, over, asked = asyncio.Event(), asyncio.Event(), list[float]()

    async def lull(timeout: float, *, longest_s: float) -> None:  # noqa: ASYNC109  # the store's own
        asked.append(timeout)
        rushing.set()
        await over.wait()

    monkeypatch.setattr(world.store, "lull", lull)
    incident = await crashed(world)
    runs = Runs(world.store, world.deps, saver)
    worker = asyncio.create_task(runs.work())
    await asyncio.wait_for(rushing.wait(), 10)
    runs.stop()
    over.set()
    await asyncio.wait_for(worker, 10)

    assert len(asked) == 1
    assert (await world.store.incident(incident)).status == "open"


async def test_an_older_graph_begins_at_monitor(world: World, saver: Saver) -> None:
    """Its checkpoint is dropped; what was tried stays known, and what is seen is seen anew."""
    incident = await crashed(world)
    row = await world.store.incident(incident)
    done = {"number": 1, "remedy": "start", "target": world.containers["web"].target}
    when = {"started_at": row.opened_at, "finished_at": row.opened_at}
    tried = Attempt.model_validate(
        {**done, **when, "result": "done", "detail": "", "verdict": "not_healed"}
    )
    await world.store.update(incident, attempts=[tried])
    old: Any = {**first_state(row), "graph_version": GRAPH_VERSION - 1, "round": 4}
    graph = build().compile(checkpointer=saver)
    await graph.aupdate_state(config_of(incident), old, as_node="heal")
    async with working(world, saver):
        row = await ends(world, incident)
    (seen, *_) = await told(world, incident, "evidence")

    assert verbs(world) == ["restart web"]
    assert [one.number for one in row.attempts] == [1, 2]
    assert "container@5" in str(seen.data["ids"])


class Counted(Runs):
    """Counts who is driven at the same time; every drive waits for `go`."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.now: list[str] = []
        self.together: list[tuple[str, ...]] = []
        self.go = asyncio.Event()

    async def drive(self, incident_id: str) -> None:
        """Count, wait, drive."""
        self.now.append(incident_id)
        self.together.append(tuple(self.now))
        await self.go.wait()
        await super().drive(incident_id)
        self.now.remove(incident_id)


async def test_workers_share_incidents_never_one(world: World, saver: Saver) -> None:
    """Many jobs of two incidents, four workers: both are driven, each by one at a time."""
    one, two = await crashed(world), await crashed(world, "api")
    runs = Counted(world.store, world.deps, saver)
    workers = [asyncio.create_task(runs.work()) for _ in range(4)]
    try:
        while len(runs.now) < 2:
            await world.store.wait_change(None, timeout=0.02)
        for incident in (one, two, one):
            await world.store.wake(incident, why="resume", at=world.clock.now())
        runs.go.set()
        await ends(world, one)
        await ends(world, two)
    finally:
        await cancel(workers)

    assert max(len(now) for now in runs.together) == 2
    assert all(len(now) == len(set(now)) for now in runs.together)


async def test_a_killed_worker_is_taken_over(world: World, saver: Saver) -> None:
    """Cut off in the middle of a call nobody answered: recovered, told, and not called again."""
    world.containers.silent.add("perform")
    incident = await crashed(world)
    async with working(world, saver):
        while not world.containers.performed:
            await world.store.wait_change(None, timeout=0.02)
    world.containers.silent.clear()
    recovered = await world.store.recover()
    async with working(world, saver):
        await parks(world, incident)
        world.clock.advance(60)
        row = await ends(world, incident)

    assert recovered == 1
    assert (row.outcome, verbs(world), len(world.containers.performed)) == ("escalated", [], 1)
    assert sum(world.clock.slept) > world.limits.settle_s - 5


async def test_what_is_done_stays_done(world: World, saver: Saver) -> None:
    """A late job of a finished incident changes nothing."""
    incident = await crashed(world)
    async with working(world, saver):
        await ends(world, incident)
        before = await world.store.timeline(incident)
        world.containers.crash("web")
        await world.store.wake(incident, why="resume", at=world.clock.now())
        await idle(world)

    assert await world.store.timeline(incident) == before
    assert verbs(world) == ["start web"]


async def test_stopping_ends_idle_workers(world: World, saver: Saver) -> None:
    """Told to stop, they take no further job and end by themselves."""
    runs = Runs(world.store, world.deps, saver)
    worker = asyncio.create_task(runs.work())
    await asyncio.sleep(0)
    runs.stop()
    incident = await crashed(world)
    await asyncio.wait_for(worker, 5)

    assert (await world.store.incident(incident)).status == "open"


async def test_a_drained_run_ends_after_its_node(world: World, saver: Saver) -> None:
    """The job is given back at once, and the next process goes on with the next node."""
    looking, go = asyncio.Event(), asyncio.Event()
    inventory = world.containers.inventory

    async def slow() -> Any:
        looking.set()
        await go.wait()
        return await inventory()

    world.containers.inventory = slow  # type: ignore[method-assign]  # a call that takes its time
    incident = await crashed(world)
    runs = Runs(world.store, world.deps, saver)
    worker = asyncio.create_task(runs.work())
    await asyncio.wait_for(looking.wait(), 10)
    runs.stop()
    go.set()
    await asyncio.wait_for(worker, 10)
    stands = await build().compile(checkpointer=saver).aget_state(config_of(incident))
    async with working(world, saver):
        row = await ends(world, incident)

    assert stands.next == ("retrieve-history",)
    assert (row.outcome, verbs(world)) == ("resolved", ["start web"])
    assert len(await told(world, incident, "evidence")) == 1
    assert runs._failures == {}


async def test_a_drained_look_parks(world: World, saver: Saver) -> None:
    """Verification that would go on polling becomes a job of the next process."""
    world.containers.fate("web", slow_start)
    incident = await crashed(world)
    runs = Runs(world.store, world.deps, saver)
    perform = world.containers.perform

    async def last(effect: Any) -> Any:
        runs.stop()
        return await perform(effect)

    world.containers.perform = last  # type: ignore[method-assign]  # told to stop in the middle of heal
    began = world.clock.now()
    await asyncio.wait_for(asyncio.create_task(runs.work()), 10)
    ended = world.clock.now()
    world.containers.change("web", health="healthy")
    async with working(world, saver):
        row = await ends(world, incident)

    assert ended - began < timedelta(seconds=2)
    assert (row.outcome, verbs(world)) == ("resolved", ["start web"])


async def test_a_drained_wait_settles_later(world: World, saver: Saver) -> None:
    """Told to stop while it waits what came of a lost call: nothing is concluded or redone."""
    world.containers.errors["perform"] = Transient("no answer in 15 s")
    incident = await crashed(world)
    runs = Runs(world.store, world.deps, saver)
    world.clock.after(5, runs.stop)
    await asyncio.wait_for(asyncio.create_task(runs.work()), 10)
    ((*_, entry),) = [await world.store.entries(incident, 1)]
    world.containers.errors.clear()
    world.containers.change("web", status="running", health="healthy", started_at=world.clock.now())
    async with working(world, saver):
        row = await ends(world, incident)

    assert entry.result is None
    assert (row.outcome, verbs(world)) == ("resolved", [])
    assert [one.result for one in row.attempts] == ["done"]
