"""The simulated world: each fault shows as FACTS say, is cured by the right thing and no other."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from lab.world import Fault, Refusal, Service, World

LIMIT = 64 * 1024**2


class HandClock:
    """A clock moved by hand; sleepers wake in order, each at its own time."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 23, tzinfo=UTC)
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """UTC, aware."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait for `advance`."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now + timedelta(seconds=seconds), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Let that much time pass."""
        end = self._now + timedelta(seconds=seconds)
        await self._settle()
        while due := [one for one in self._sleepers if one[0] <= end]:
            first = min(due, key=lambda one: one[0])
            self._sleepers.remove(first)
            self._now = max(self._now, first[0])
            if not first[1].done():
                first[1].set_result(None)
            await self._settle()
        self._now = end

    async def _settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def world(clock: HandClock) -> AsyncIterator[World]:
    """`db`, and `web` that needs it; both well."""
    made = World(clock)
    made.add(Service(name="db", memory_limit=LIMIT))
    made.add(Service(name="web", depends_on=["db"]))
    await clock.advance(5)
    yield made
    await made.aclose()


def told(world: World, name: str, start: int = 0) -> list[str]:
    """The events of one container since the n-th, network events with their network."""
    own = world.get(name).id
    return [
        happening.action
        for happening in world.events[start:]
        if own in {happening.actor, happening.attributes.get("container")}
    ]


async def test_a_new_service_tells_its_birth_and_becomes_well(world: World) -> None:
    """In Docker's order."""
    assert told(world, "db") == ["create", "connect", "start", "health_status: healthy"]
    assert world.is_well("db")
    assert world.is_well("web")


@pytest.mark.parametrize(
    ("fault", "events", "status", "code"),
    [
        ("crash", ["die", "disconnect"], "exited", 1),
        ("oom", ["oom", "die", "disconnect"], "exited", 137),
        ("stopped", ["kill", "die", "disconnect", "stop"], "exited", 0),
        ("killed", ["kill", "die", "disconnect"], "exited", 137),
        ("finished", ["die", "disconnect"], "exited", 0),
        ("paused", ["pause"], "paused", 0),
        ("network_cut", ["disconnect", "disconnect"], "running", 0),
        ("hung", ["health_status: unhealthy"], "running", 0),
        ("volume_full", ["health_status: unhealthy"], "running", 0),
        ("child_oom", ["oom"], "running", 0),
    ],
)
async def test_each_fault_shows_as_docker_shows_it(
    world: World, clock: HandClock, fault: Fault, events: list[str], status: str, code: int
) -> None:
    """Events in order, and the state that is left."""
    before = len(world.events)
    await world.break_("db", fault)
    await clock.advance(1)

    assert told(world, "db", before) == events
    assert (world.get("db").status, world.get("db").exit_code) == (status, code)
    assert world.is_well("db") == (fault == "child_oom")


async def test_start_does_not_cure_an_oom_and_a_higher_limit_does(
    world: World, clock: HandClock
) -> None:
    """It dies again after a second unless its limit is above what it needs."""
    await world.break_("db", "oom")
    db = world.get("db")
    world.verbs.start(db)
    await clock.advance(1.5)
    again = (db.status, db.oom_killed, db.oom_count)
    world.verbs.update(db, 2 * LIMIT, 2 * LIMIT)
    world.verbs.start(db)
    await clock.advance(10)

    assert again == ("exited", True, 2)
    assert world.is_well("db")
    assert db.oom_killed


async def test_restart_cures_a_hang_and_start_does_not(world: World, clock: HandClock) -> None:
    """Start on a running one changes nothing."""
    await world.break_("db", "hung")
    await clock.advance(1)
    changed = world.verbs.start(world.get("db"))
    await clock.advance(1)
    after_start = world.is_well("db")
    await world.verbs.restart(world.get("db"))
    await clock.advance(1)

    assert (changed, after_start, world.is_well("db")) == (False, False, True)


async def test_a_dependent_is_unhealthy_until_its_dependency_serves(
    world: World, clock: HandClock
) -> None:
    """Also after its own restart; its log and health check name the dependency."""
    await world.break_("db", "hung")
    await clock.advance(1)
    web = world.get("web")
    await world.verbs.restart(web)
    await clock.advance(5)
    sick = (web.health, web.checks[-1].output)
    await world.verbs.restart(world.get("db"))
    await clock.advance(1)

    assert sick == ("unhealthy", "cannot reach dependency db")
    assert any("dependency db" in line.text for line in web.logs)
    assert world.is_well("web")


async def test_one_that_cannot_live_without_loops_and_backs_off(clock: HandClock) -> None:
    """Its policy restarts it after ever longer waits, until the dependency is back."""
    world = World(clock)
    world.add(Service(name="db"))
    world.add(Service(name="app", depends_on=["db"], without_deps="exits", restart="always"))
    await world.break_("db", "crash")
    await clock.advance(30)
    counted = world.get("app").restart_count
    world.verbs.start(world.get("db"))
    await clock.advance(60)

    assert 5 <= counted <= 9
    assert "cannot reach dependency db" in world.get("app").logs[-3].text
    assert world.is_well("app")
    await world.aclose()


async def test_a_bad_configuration_loops_whatever_is_done(clock: HandClock) -> None:
    """The same last line at every crash; a restart is no cure."""
    world = World(clock)
    world.add(Service(name="app", restart="on-failure"))
    await world.break_("app", "bad_config")
    await clock.advance(5)
    await world.verbs.restart(world.get("app"))
    await clock.advance(5)
    fatal = {line.text for line in world.get("app").logs if line.stream == 2}

    assert len(fatal) == 1
    assert not world.is_well("app")
    assert world.get("app").restart_count > 2
    await world.aclose()


@pytest.mark.parametrize(
    ("policy", "code", "back"),
    [
        ("no", 1, False), ("always", 0, True), ("unless-stopped", 1, True),
        ("on-failure", 0, False), ("on-failure", 1, True),
    ],
)  # fmt: skip
async def test_the_restart_policy_decides(
    clock: HandClock, policy: str, code: int, back: bool
) -> None:
    """Which ends bring it back."""
    world = World(clock)
    world.add(_service(policy))
    world.life.die(world.get("app"), code)
    await clock.advance(1)

    assert (world.get("app").status == "running") == back
    await world.aclose()


async def test_a_persons_stop_holds_against_the_policy(clock: HandClock) -> None:
    """Stop and kill switch `always` off until the next start."""
    world = World(clock)
    world.add(_service("always"))
    for fault in ("stopped", "killed"):
        await world.break_("app", fault)
        await clock.advance(60)
        assert world.get("app").status == "exited"
        world.verbs.start(world.get("app"))

    assert world.get("app").status == "running"
    await world.aclose()


async def test_a_process_that_ignores_term_is_killed_after_the_grace(clock: HandClock) -> None:
    """Kill 15, then after the grace kill 9 and 137."""
    world = World(clock)
    world.add(Service(name="app", ignores_term=True, health=False))
    before = len(world.events)
    stopping = asyncio.ensure_future(world.verbs.stop(world.get("app"), 3))
    await clock.advance(2)
    alive = world.get("app").up
    await clock.advance(2)
    await stopping

    assert alive
    assert told(world, "app", before) == ["kill", "kill", "die", "disconnect", "stop"]
    assert world.get("app").exit_code == 137
    await world.aclose()


async def test_a_leak_climbs_to_the_limit_and_a_restart_resets_it(
    world: World, clock: HandClock
) -> None:
    """Usage grows with time; at the limit it is killed; a fresh process is small again."""
    await world.break_("db", "leak")
    seen = []
    for _ in range(3):
        seen.append(world.snapshot()["db"].memory_usage)
        await clock.advance(15)
    await world.verbs.restart(world.get("db"))
    fresh = world.snapshot()["db"].memory_usage
    await clock.advance(61)

    assert seen == sorted(set(seen))
    assert fresh < seen[1]
    assert (world.get("db").status, world.get("db").oom_killed) == ("exited", True)


async def test_what_recovers_by_itself_needs_nobody(world: World, clock: HandClock) -> None:
    """Unhealthy for a while, then healthy."""
    await world.break_("db", "self_recovering")
    await clock.advance(1)
    sick = world.is_well("db")
    await clock.advance(3)

    assert (sick, world.is_well("db")) == (False, True)


async def test_flapping_outlives_a_restart(world: World, clock: HandClock) -> None:
    """It comes and goes whatever is done."""
    await world.break_("db", "flapping")
    await world.verbs.restart(world.get("db"))
    states = []
    for _ in range(40):
        await clock.advance(0.25)
        states.append(world.is_well("db"))

    assert {*states} == {True, False}


async def test_a_cut_network_fails_the_outside_probe_only(world: World, clock: HandClock) -> None:
    """Health inside stays green; dependents lose it; connecting cures."""
    await world.break_("db", "network_cut")
    await clock.advance(2)
    cut = world.snapshot()
    world.verbs.connect(world.get("db"), "lab", [], "10.77.0.9")
    await clock.advance(2)

    assert (cut["db"].health, cut["db"].probe_ok) == ("healthy", False)
    assert (cut["web"].health, world.is_well("web")) == ("unhealthy", True)


async def test_a_one_shot_that_ended_well_is_well(clock: HandClock) -> None:
    """Exit 0 is its purpose."""
    world = World(clock)
    world.add(Service(name="job", one_shot=True, health=False))
    await world.break_("job", "finished")

    assert world.is_well("job")
    await world.aclose()


async def test_references_are_resolved_as_docker_resolves_them(world: World) -> None:
    """Full id, name, unambiguous prefix; else 404."""
    db = world.get("db")

    assert {world.find(ref).name for ref in (db.id, "db", "/db", db.id[:6])} == {"db"}
    with pytest.raises(Refusal, match="No such container: nope"):
        world.find("nope")


async def test_no_two_events_share_a_microsecond(world: World) -> None:
    """Their order survives a time that is kept in microseconds."""
    times = [happening.time_ns // 1000 for happening in world.events]

    assert times == sorted(set(times))


def _service(policy: str) -> Service:
    """`app` with this restart policy."""
    return Service(name="app", restart=policy)  # type: ignore[arg-type]  # a parameter of the test
