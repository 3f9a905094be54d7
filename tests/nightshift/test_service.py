"""The running service: how it says that it is well, and how it ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import SecretStr
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from domain.errors import Transient
from lab.standins.serving import serving
from nightshift import service as module
from nightshift.checkpoints import strict_serde
from nightshift.runs import Runs
from nightshift.service import Component, Service
from nightshift.settings import Settings
from nightshift.testing import World, container, firing, open_world
from nightshift.watch import Watch

Make = Callable[..., Service]


async def ok() -> str:
    """A dependency that is well."""
    return "ok"


async def broken() -> str:
    """A dependency that is not."""
    raise Transient("connection refused")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """`web`, which is well."""
    async with open_world(tmp_path / "store", container("web")) as world:
        yield world


@pytest.fixture
def make(world: World, settings: Settings) -> Make:
    """`make(component=…, settings={…})`: a service that is not started yet."""

    def made(changes: dict[str, Any] | None = None, **components: Component) -> Service:
        given = {"nightshift_workers": 1, "nightshift_check_every_s": 0.0, **(changes or {})}
        saver = InMemorySaver(serde=strict_serde())
        return Service(
            settings=settings.model_copy(update=given),
            store=world.store,
            deps=world.deps,
            runs=Runs(world.store, world.deps, saver),
            watch=Watch(world.containers, world.store, world.clock),
            components={"database": ok} | components,
        )

    return made


@asynccontextmanager
async def started(
    service: Service, **background: Coroutine[Any, Any, None]
) -> AsyncIterator[Service]:
    """A started service, looked at once and stopped at the end."""
    service.start(background)
    await service.look()
    try:
        yield service
    finally:
        await service.stop()


async def when(true: Callable[[], bool]) -> None:
    """Return when it is true."""
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110  # readiness is asked for, it wakes nobody
            await asyncio.sleep(0.005)


async def when_told(true: Callable[[], Awaitable[bool]]) -> None:
    """Return when the store says that it is true."""
    async with asyncio.timeout(10):
        while not await true():  # noqa: ASYNC110  # a job that is taken wakes nobody
            await asyncio.sleep(0.005)


async def test_unlooked_at_it_is_not_ready(make: Make) -> None:
    """Ready is what was seen, not what is hoped."""
    assert make().readiness()["ready"] is False


async def test_all_well(make: Make) -> None:
    """Every component by name; nothing degraded once the event stream is open."""
    async with started(make(docker=ok)) as service:
        await when(lambda: not service.readiness()["degraded"])
        state = service.readiness()
    components = {"database": "ok", "docker": "ok", "workers": "ok", "events": "ok"}

    assert state == {"ready": True, "degraded": {}, "components": components}


async def test_a_dependency_that_is_down_only_degrades(make: Make) -> None:
    """Alerts are accepted and told without Docker; the reason is in the answer."""
    async with started(make(docker=broken)) as service:
        state = service.readiness()

    assert state["ready"] is True
    assert state["degraded"]["docker"] == "connection refused"  # type: ignore[index,call-overload]  # a JSON object


async def test_without_its_database_it_is_not_ready(make: Make) -> None:
    """Nothing could be accepted."""
    service = make()
    service._components["database"] = broken
    await service.look()

    assert service.readiness()["ready"] is False


async def test_a_silent_dependency_is_not_waited_for(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so within half a round; the others' answers are there too."""
    monkeypatch.setattr(module, "HEALTH_EVERY_S", 0.02)

    async def silent() -> str:
        await asyncio.Event().wait()
        return "never"

    service = make(prometheus=silent, docker=ok)
    await service.look()

    assert service._state == {"database": "ok", "prometheus": "no answer in time", "docker": "ok"}


async def test_it_looks_again(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has recovered is not degraded for ever."""
    monkeypatch.setattr(module, "HEALTH_EVERY_S", 0.01)
    words = iter(["connection refused"])

    async def recovering() -> str:
        return next(words, "ok")

    async with started(make(docker=recovering)) as service:
        await when(lambda: service._state["docker"] == "ok")

        assert service.readiness()["ready"] is True


async def dying() -> None:
    """A task with a defect."""
    raise ZeroDivisionError("a bug of ours")


async def test_a_dead_background_task_shows(make: Make) -> None:
    """A service without one of its parts is not ready, and the log tells why."""
    with capture_logs() as logs:
        async with started(make(), courier=dying()) as service:
            await when(lambda: service._tasks["courier"].done())
            state = service.readiness()
    (died,) = [one for one in logs if one["event"] == "background_task_died"]

    assert state["ready"] is False
    assert state["degraded"]["workers"] == "ended: courier"  # type: ignore[index,call-overload]  # a JSON object
    assert (died["task"], died["log_level"]) == ("courier", "critical")


class Pings:
    """A dead man's switch that counts; `status` is its answer."""

    def __init__(self) -> None:
        self.count = 0
        self.status = 200

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        self.count += 1
        await Response(status_code=self.status)(scope, receive, send)


@pytest.mark.parametrize(("state", "heard"), [(ok, True), (broken, False)])
async def test_a_heartbeat_is_heard_only_while_ready(
    make: Make, monkeypatch: pytest.MonkeyPatch, state: Component, heard: bool
) -> None:
    """When we are not ready, silence is what raises the alarm."""
    monkeypatch.setattr(module, "HEARTBEAT_EVERY_S", 0.01)
    pings, asked = Pings(), [0]
    async with serving(pings) as url:
        service = make({"heartbeat_url": SecretStr(url)}, database=state)
        await service.look()
        readiness = service.readiness

        def counted() -> Any:
            asked[0] += 1
            return readiness()

        monkeypatch.setattr(service, "readiness", counted)
        async with started(service):
            await when(lambda: asked[0] > 2)

    assert bool(pings.count) is heard


async def test_a_heartbeat_that_fails_keeps_its_address(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address is a secret: it is in no log."""
    monkeypatch.setattr(module, "HEARTBEAT_EVERY_S", 0.01)
    pings = Pings()
    pings.status = 404
    with capture_logs() as logs:
        async with serving(pings) as url:
            service = make({"heartbeat_url": SecretStr(f"{url}/ping/s3cret")})
            await service.look()
            async with started(service):
                await when(lambda: pings.count > 1)

    assert any(one["event"] == "heartbeat_failed" for one in logs)
    assert "s3cret" not in str(logs)


async def test_what_is_switched_off_is_not_started(make: Make) -> None:
    """No heartbeat without an address, no check with an interval of 0."""
    async with started(make()) as service:
        assert set(service._tasks) == {"worker-0", "watch", "health"}


async def test_the_check_comes_round(make: Make, world: World) -> None:
    """Every interval, and a round that fails is not the last."""
    world.containers.errors["inventory"] = Transient("no daemon")
    with capture_logs() as logs:
        async with started(make({"nightshift_check_every_s": 0.01})):
            await when(lambda: any(one["event"] == "check_failed" for one in logs))
            world.containers.errors.clear()
            world.containers.crash("web")
            await when_told(lambda: _has_incidents(world))
    (incident,) = await world.store.incidents(limit=9)

    assert incident.alert.source == "check"


async def _has_incidents(world: World) -> bool:
    return bool(await world.store.incidents(limit=1))


async def test_stopping_lets_a_node_end(make: Make, world: World) -> None:
    """The node that runs comes to its end, the segment does not; its job is given back."""
    service, go, looks = make(), asyncio.Event(), [0]
    inventory = world.containers.inventory

    async def slow() -> Any:
        looks[0] += 1
        await go.wait()
        return await inventory()

    world.containers.inventory = slow  # type: ignore[method-assign]  # a call that takes its time
    incident = await world.accept(firing())
    service.start({})
    await when(lambda: looks[0] == 2)  # the watch's, and monitor's
    stopping = asyncio.create_task(service.stop())
    await when(service._runs._stopping.is_set)
    before = await world.store.incident(incident)
    go.set()
    await stopping

    assert before.status == "open"
    assert await is_observed(world, incident)
    assert (await world.store.incident(incident)).outcome is None
    assert (await world.store.stats()).queue_depth == 1
    assert await world.store.next_due() is not None


async def is_observed(world: World, incident: str) -> bool:
    """Whether monitor has looked."""
    return "evidence" in [event.kind for event in await world.store.timeline(incident)]


async def test_stopping_does_not_wait_for_ever(
    make: Make, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A segment that hangs is cut off; the next process takes its job."""
    monkeypatch.setattr(module, "DRAIN_S", 0.05)
    world.containers.silent.add("inventory")
    incident = await world.accept(firing())
    service = make()
    async with started(service):
        await when_told(lambda: _is_taken(world))

    assert all(task.done() for task in service._tasks.values())
    assert await world.store.recover() == 1
    job = await world.store.take()
    assert job
    assert job.incident == incident


async def _is_taken(world: World) -> bool:
    return await world.store.next_due() is None


async def test_lost_alerts_are_told_once_an_hour(make: Make, world: World) -> None:
    """They are an incident of their own, not one for every repetition."""
    service = make()
    for _ in range(3):
        await service.delivery_lost("too large", "a delivery of over 1 MiB was refused")
    world.clock.advance(3600)
    await service.delivery_lost("too large", "a delivery of over 1 MiB was refused")
    found = await world.store.incidents(limit=9)

    assert [one.alert.name for one in found] == ["NightshiftAlertsLost"] * 2


async def test_one_kind_of_loss_does_not_hide_another(make: Make, world: World) -> None:
    """Two mistakes in the same hour are mended in two places."""
    service = make()
    for kind in ("too large", "unreadable", "unreadable", "left out"):
        await service.delivery_lost(kind, "alerts were lost")
    found = await world.store.incidents(limit=9)

    assert {one.alert.labels["kind"] for one in found} == {"too large", "unreadable", "left out"}
    assert len(found) == 3


async def test_check_now_answers(make: Make, world: World) -> None:
    """The round that somebody asks for."""
    world.containers.crash("web")
    await world.watch()

    assert (await make().check_now())["looked_at"] == 1
