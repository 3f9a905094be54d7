"""The subscription to a runtime's events, kept in the real store."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from domain.errors import Transient
from domain.facts import ContainerEvent, ContainerFacts, Network
from nightshift.testing import T0, FakeContainers, World, container, open_world, target
from nightshift.watch import Watch, batches, cancel

KEY = target("web").key
HOME = Network(name="shop_default", aliases=["web"], ip="")
OTHER = Network(name="other", aliases=["web"], ip="")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """`web`, of which nothing is known yet."""
    async with open_world(tmp_path) as world:
        world.containers.add(container("web"))
        yield world


@pytest.fixture
def watch(world: World) -> Watch:
    """A subscription to this world."""
    return Watch(world.containers, world.store, world.clock)


@asynccontextmanager
async def watching(watch: Watch) -> AsyncIterator[None]:
    """The subscription runs until the block ends, and is open when it begins."""
    task = asyncio.create_task(watch.run())
    try:
        await when(lambda: _is(watch.problem == ""))
        yield
    finally:
        await cancel([task])


async def _is(true: bool) -> bool:
    return true


async def when(true: Callable[[], Awaitable[bool]]) -> None:
    """Return when it is true."""
    async with asyncio.timeout(10):
        while not await true():  # noqa: ASYNC110  # what the watch keeps wakes nobody
            await asyncio.sleep(0.005)


async def actions(world: World) -> list[str]:
    """What is kept of the story of `web`."""
    return [event.action for event in await world.store.stop_story(KEY)]


async def told(world: World, *wanted: str) -> None:
    """Wait until the last events kept are these."""
    await when(lambda: _ends_with(world, list(wanted)))


async def _ends_with(world: World, wanted: list[str]) -> bool:
    return (await actions(world))[-len(wanted) :] == wanted


async def networks(world: World) -> list[str]:
    """The networks that `web` had when it was last well."""
    last = await world.store.last_healthy(KEY)
    return [network.name for network in last.networks] if last else []


def emit(world: World, action: str, **more: Any) -> None:
    """The runtime tells this of `web`."""
    world.clock.advance(1)
    world.containers._tell(world.containers["web"].target, action, **more)


async def test_who_stopped_it_is_kept(world: World, watch: Watch) -> None:
    """The call behind a death is in the ledger, with its signal and code."""
    async with watching(watch):
        world.containers.stop("web", code=143)
        await told(world, "kill", "die", "stop")
    kill, die, _ = await world.store.stop_story(KEY)

    assert (kill.signal, die.exit_code) == ("15", 143)


async def test_a_crash_has_nobody_behind_it(world: World, watch: Watch) -> None:
    """Nothing is added to what the runtime told."""
    async with watching(watch):
        world.containers.crash("web")
        await told(world, "die")

    assert await actions(world) == ["die"]


async def test_a_snapshot_keeps_who_is_well(world: World, watch: Watch) -> None:
    """What is broken at start is no example of how it should be."""
    world.containers.add(container("ill", health="unhealthy"))
    await watch.snapshot()

    assert await world.store.last_healthy(KEY) == world.containers["web"]
    assert await world.store.last_healthy(target("ill").key) is None


@pytest.mark.parametrize("action", ["start", "unpause", "health_status", "connect", "update"])
async def test_a_glance_keeps_new_facts(world: World, watch: Watch, action: str) -> None:
    """After whatever may have made it well, its facts are looked up."""
    async with watching(watch):
        world.containers.change("web", memory_limit=7)
        emit(world, action)
        await told(world, action)
        await when(lambda: _limit_is(world, 7))

    assert watch.problem == ""


async def _limit_is(world: World, limit: int) -> bool:
    last = await world.store.last_healthy(KEY)
    return last is not None and last.memory_limit == limit


async def test_a_cut_network_never_becomes_the_rule(world: World, watch: Watch) -> None:
    """Inside it stays green; what it had before is what it shall have, also after a restart."""
    async with watching(watch):
        world.containers.cut("web", "shop_default")
        emit(world, "health_status", health="healthy")
        emit(world, "exec_die")
        await told(world, "disconnect", "health_status", "exec_die")
    await Watch(world.containers, world.store, world.clock).snapshot()

    assert await networks(world) == ["shop_default"]


async def test_a_network_more_does(world: World, watch: Watch) -> None:
    """Connected to another one while it has all it had: that is how it is now."""
    async with watching(watch):
        world.containers.change("web", networks=[HOME, OTHER])
        emit(world, "connect", network="other")
        await when(lambda: _networks_are(world, ["shop_default", "other"]))

    assert await actions(world) == ["connect"]


async def _networks_are(world: World, names: list[str]) -> bool:
    return await networks(world) == names


async def test_a_recreated_container_does(world: World, watch: Watch) -> None:
    """Another id under the same name: somebody made it so."""
    async with watching(watch):
        world.containers.remove("web")
        new = container("web", target=target("web", id="b" * 64), networks=[OTHER])
        world.containers.add(new)
        emit(world, "start")
        await when(lambda: _networks_are(world, ["other"]))

    assert await world.store.last_healthy(KEY) == new


async def test_who_is_gone_at_the_glance_is_no_trouble(world: World, watch: Watch) -> None:
    """Started and removed at once, or a guest that is not Docker's: the stream goes on."""
    async with watching(watch):
        event = {"target_key": "container:local/job", "container_id": "c", "at": T0}
        gone = ContainerEvent.model_validate({**event, "action": "start"})
        world.containers.story += [
            gone,
            gone.model_copy(update={"target_key": "lxc:pve/101"}),
        ]
        world.containers.crash("web")
        await told(world, "die")

    assert watch.problem == ""


class Broken(FakeContainers):
    """Notes from when on it is asked for events; a stream breaks when told to."""

    def __init__(self, world: World, *containers: ContainerFacts) -> None:
        super().__init__(world.clock, *containers)
        self.asked: list[Mapping[str, datetime] | None] = []
        self.breaks = False

    async def events(self, since: Mapping[str, datetime] | None) -> AsyncIterator[ContainerEvent]:
        """Everything since then, then a break if so told, else what comes."""
        self.asked.append(since)
        async for event in super().events(since):
            yield event
            if self.breaks:
                self.breaks = False
                raise Transient("the daemon hung up")


async def test_a_broken_stream_is_taken_up_again(world: World) -> None:
    """From the last event on: what happened in the meantime is not lost, nor told twice."""
    runtime = Broken(world, container("web"))
    watch = Watch(runtime, world.store, world.clock)
    with capture_logs() as logs:
        async with watching(watch):
            world.clock.advance(30)
            runtime.breaks = True
            runtime.crash("web")
            last = world.clock.now()
            runtime.stop("web")
            await told(world, "kill", "stop")

    assert sorted(await actions(world)) == ["die", "kill", "stop"]
    assert runtime.asked == [{}, {"local": last}]
    assert [one["event"] for one in logs] == ["event_stream_broken"]


async def test_it_looks_back_to_where_it_was(world: World) -> None:
    """However long it was away: the runtime tells what it still knows, of each host its own."""
    runtime = Broken(world, container("web"))
    early = _old().model_copy(update={"target_key": "container:nas/web", "at": T0})
    late = _old().model_copy(update={"at": T0 + timedelta(hours=1)})
    await world.store.saw([early, late])
    world.clock.advance(7200)
    async with watching(Watch(runtime, world.store, world.clock)):
        pass

    assert runtime.asked == [{"nas": T0, "local": T0 + timedelta(hours=1)}]


def _old() -> ContainerEvent:
    return ContainerEvent(target_key=KEY, container_id="a", action="die", at=T0)


async def test_a_dead_daemon_is_named(world: World, watch: Watch) -> None:
    """Readiness can say why nothing is heard; it is tried again for ever."""
    world.containers.errors["events"] = Transient("no daemon at tcp://nas:2375")
    before = watch.problem
    with capture_logs():
        task = asyncio.create_task(watch.run())
        await when(lambda: _is(len(world.clock.slept) > 2 and bool(watch.problem)))
        named = watch.problem
        world.containers.errors.clear()
        await when(lambda: _is(watch.problem == ""))
        await cancel([task])

    assert before == "not connected yet"
    assert named == "event stream broken: no daemon at tcp://nas:2375"


async def test_a_store_that_fails_is_no_gap(
    world: World, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be kept is asked for again."""
    saw, left = world.store.saw, [1]

    async def seeing(events: Any) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise Transient("database is locked")
        await saw(events)

    monkeypatch.setattr(world.store, "saw", seeing)
    with capture_logs():
        async with watching(watch):
            world.containers.stop("web")
            await told(world, "stop")

    assert sorted(await actions(world)) == ["die", "kill", "stop"]


@pytest.mark.parametrize("error", [Transient("gone"), RuntimeError("gone")])
async def test_news_that_waited_come_together(error: Exception) -> None:
    """The first alone, then all that came meanwhile; the stream's error last."""
    went_on = asyncio.Event()

    async def stream() -> AsyncIterator[int]:
        yield 1
        await went_on.wait()
        for number in (2, 3, 4):
            yield number
        raise error

    found: list[list[int]] = []

    async def follow() -> None:
        async for batch in batches(stream()):
            found.append(batch)
            went_on.set()
            await asyncio.sleep(0.01)

    with pytest.raises(type(error), match="gone"):
        await follow()

    assert found == [[1], [2, 3, 4]]


async def test_a_stream_that_ends_is_no_error() -> None:
    """All of it is handed on."""

    async def stream() -> AsyncIterator[int]:
        yield 1
        yield 2

    assert [one async for batch in batches(stream()) for one in batch] == [1, 2]
