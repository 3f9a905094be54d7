"""DockerHosts where a real daemon cannot be made to behave so: hosts down, slow, broken."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import timedelta

import pytest

from domain.errors import Conflict, NotFound, Permanent, Transient
from domain.facts import ContainerEvent, ContainerFacts
from domain.remedy import Effect, Precondition, Verb
from domain.target import Target
from lab.standins.docker import DockerStandin, running
from lab.world import Pace, Service, World
from tools import docker_facts, docker_host, docker_stream
from tools.docker import DockerHosts
from tools.docker_effects import memswap_for

DEAD = "tcp://127.0.0.1:1"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A world with one service, `web`; it has no health check that would be heard of by the way."""
    made = World(pace=Pace(health_s=0.01, unhealthy_s=0.01))
    made.add(Service(name="web", memory_limit=64 * 1024**2, health=False))
    yield made
    await made.aclose()


@pytest.fixture
async def standin(world: World) -> DockerStandin:
    """A daemon over it."""
    return DockerStandin(world)


@pytest.fixture
async def url(standin: DockerStandin) -> AsyncIterator[str]:
    """Its address."""
    async with running(standin) as address:
        yield address


def web(world: World) -> Target:
    """The one service as a target."""
    return Target(host="nas", id=world.get("web").id, name="web", service="web")


async def order(hosts: DockerHosts, target: Target, verb: Verb) -> Effect:
    """An effect on what is there now."""
    return Effect(verb=verb, target=target, precondition=Precondition.of(await hosts.facts(target)))


async def test_no_hosts_means_the_local_socket() -> None:
    """The default is Docker's own."""
    async with DockerHosts({}) as hosts:
        inventory = await hosts.inventory()

    assert inventory.own_host == "local"


async def test_a_host_that_is_down_is_named_and_blinds_nobody(world: World, url: str) -> None:
    """The others are listed; the reason is beside the name."""
    async with DockerHosts({"nas": url, "attic": DEAD}) as hosts:
        inventory = await hosts.inventory()

    assert [facts.target.key for facts in inventory.containers] == ["container:nas/web"]
    assert list(inventory.unreachable) == ["attic"]
    assert "could not connect" in inventory.unreachable["attic"]


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names in the inspections that were parsed."""
    names, parse = list[str](), docker_facts.facts

    def counted(inspect: docker_facts.Inspect, *, host: str) -> ContainerFacts:
        names.append(inspect["Name"])
        return parse(inspect, host=host)

    monkeypatch.setattr(docker_facts, "facts", counted)
    return names


async def test_an_inspection_is_understood_once_while_it_says_the_same(
    world: World, url: str, parsed: list[str]
) -> None:
    """The daemon is asked each time; its words are parsed when they are others than before."""
    still = world.add(Service(name="still", health=False))
    target = Target(host="nas", id=still, name="still", service="still")
    async with DockerHosts({"nas": url}) as hosts:
        seen = [(await hosts.facts(target)).status for _ in range(2)]
        await world.break_("still", "crash")
        seen += [(await hosts.facts(target)).status for _ in range(2)]

    assert seen == ["running", "running", "exited", "exited"]
    assert parsed == ["/still", "/still"]


async def test_a_daemon_that_does_not_tell_the_past_in_time_is_given_up(
    world: World, standin: DockerStandin, url: str
) -> None:
    """The connection itself has a time-out, so that no thread waits for ever: then all goes on."""
    standin.faults.add("/events", delay_s=30)
    now = world.clock.now()
    async with DockerHosts({"nas": url}, timeout_s=0.3) as hosts:
        asked = (hosts.remembered(web(world), since=now, until=now) for _ in range(8))
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(one) for one in found} == {Transient}
        assert (await hosts.facts(web(world))).running


async def test_the_oldest_inspection_makes_room(
    world: World, url: str, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more than so many are remembered, and those that were understood last."""
    monkeypatch.setattr(docker_host, "KEPT", 2)
    a, b, c = (world.add(Service(name=name, health=False)) for name in "abc")
    host = docker_host.Host("nas", url, timeout_s=5, stop_grace_s=1)
    for one in (a, b, c, c, b, a):
        await host.inspect(one)
    host.close()

    assert parsed == ["/a", "/b", "/c", "/a"]


async def test_a_log_is_read_without_another_inspection(
    world: World, standin: DockerStandin, url: str
) -> None:
    """Whether a container has a terminal is known for ever once it was inspected."""
    async with DockerHosts({"nas": url}) as hosts:
        await hosts.logs(web(world), lines=5)
        await hosts.facts(web(world))
        await hosts.logs(web(world), lines=5)

    asked = [path.rpartition("/")[2] for _, path in standin.faults.seen("/containers/")]
    assert asked == ["logs", "json", "json", "logs"]


async def test_two_hosts_keep_their_names_apart(world: World, url: str) -> None:
    """The same container name on two hosts is two targets, and each is asked at its own host."""
    other = World()
    other.add(Service(name="web"))
    async with (
        running(DockerStandin(other)) as second,
        DockerHosts({"nas": url, "attic": second}) as hosts,
    ):
        inventory = await hosts.inventory()
        assert inventory.unreachable == {}
        targets = [facts.target for facts in inventory.containers]
        await hosts.perform(await order(hosts, targets[1], "restart"))

    assert [target.key for target in targets] == ["container:nas/web", "container:attic/web"]
    assert (len(world.actions), len(other.actions)) == (0, 1)
    await other.aclose()


async def test_our_own_host_is_the_one_that_runs_us(world: World, url: str) -> None:
    """By our container's id, short or whole."""
    own = world.get("web").id[:12]
    async with DockerHosts({"attic": DEAD, "nas": url}, own_id=own) as hosts:
        assert (await hosts.inventory()).own_host == "nas"


async def test_an_unknown_host_is_not_found(url: str, world: World) -> None:
    """The message names the hosts there are; a guest is not Docker's at all."""
    async with DockerHosts({"nas": url}) as hosts:
        with pytest.raises(NotFound, match="'cellar'"):
            await hosts.facts(web(world).model_copy(update={"host": "cellar"}))
        with pytest.raises(Permanent, match="vm"):
            await hosts.facts(web(world).model_copy(update={"kind": "vm"}))


async def test_a_container_that_vanishes_while_listed_is_left_out(
    world: World, standin: DockerStandin, url: str
) -> None:
    """Gone between the listing and its inspect: not an error of the host."""
    gone = world.add(Service(name="gone"))
    standin.faults.add(gone, status=404)
    async with DockerHosts({"nas": url}) as hosts:
        inventory = await hosts.inventory()

    assert [facts.target.name for facts in inventory.containers] == ["web"]
    assert inventory.unreachable == {}


@pytest.mark.parametrize("disconnect", ["before", "after", "amid"])
async def test_a_broken_connection_is_transient(
    world: World, standin: DockerStandin, url: str, disconnect: str
) -> None:
    """Wherever it breaks, the effect is unknown; nothing is tried again behind our back."""
    async with DockerHosts({"nas": url}) as hosts:
        effect = await order(hosts, web(world), "restart")
        standin.faults.add("/restart", disconnect=disconnect, after_chunks=0)
        if disconnect == "before":
            with pytest.raises(Transient):
                await hosts.perform(effect)
        else:
            assert (await hosts.perform(effect)).result == "done"

    assert len(list(standin.faults.seen("/restart"))) == 1
    assert world.is_well("web") or world.get("web").status == "running"


async def test_a_slow_daemon_is_given_up_and_holds_nobody_else_up(
    world: World, standin: DockerStandin, url: str
) -> None:
    """The call ends in time; the loop goes on meanwhile."""
    standin.faults.add("/json", delay_s=30)
    started, ticks = time.monotonic(), 0
    async with DockerHosts({"nas": url}, timeout_s=0.3) as hosts:
        asking = asyncio.ensure_future(hosts.facts(web(world)))
        while not asking.done():
            await asyncio.wait([asking], timeout=0.02)
            ticks += 1
        with pytest.raises(Transient):
            await asking

    assert time.monotonic() - started < 10
    assert ticks > 5


async def test_an_effect_whose_caller_gave_up_in_the_queue_is_never_sent(
    world: World, standin: DockerStandin, url: str
) -> None:
    """All threads are busy; the caller is cancelled; later nothing happens."""
    async with DockerHosts({"nas": url}, timeout_s=5) as hosts:
        effect = await order(hosts, web(world), "restart")
        standin.faults.add("/logs", delay_s=2)
        busy = [asyncio.ensure_future(hosts.logs(web(world), lines=1)) for _ in range(8)]
        await standin.faults.arrived("/logs", count=8)
        late = asyncio.ensure_future(hosts.perform(effect))
        await asyncio.sleep(0.05)
        late.cancel()
        await asyncio.gather(*busy, late, return_exceptions=True)

    assert world.actions == []


async def test_a_restart_whose_first_start_failed_is_started_once_more(
    world: World, url: str
) -> None:
    """We stopped it, so we bring it back; the detail tells of the failure."""
    container = world.get("web")
    container.start_errors, container.start_error = 1, "port is already allocated"
    async with DockerHosts({"nas": url}) as hosts:
        performed = await hosts.perform(await order(hosts, web(world), "restart"))

    assert [(a.verb, a.status) for a in world.actions] == [("restart", 500), ("start", 204)]
    assert "second start" in performed.detail
    assert container.status == "running"


async def test_what_was_down_before_our_restart_is_not_our_doing(world: World, url: str) -> None:
    """It failed to start, which is Permanent, but nobody is told that we stopped it."""
    await world.break_("web", "unstartable")
    async with DockerHosts({"nas": url}) as hosts:
        for verb in ("start", "restart"):
            with pytest.raises(Permanent, match="already allocated") as caught:
                await hosts.perform(await order(hosts, web(world), verb))
            assert "WE STOPPED" not in str(caught.value)

    assert [a.verb for a in world.actions] == ["start", "restart"]


async def test_a_renamed_container_is_not_touched(world: World, url: str) -> None:
    """The claim is on a name; behind another name it does not hold."""
    async with DockerHosts({"nas": url}) as hosts:
        effect = await order(hosts, web(world), "restart")
        world.rename("web", "web-old")
        with pytest.raises(Conflict, match="web-old"):
            await hosts.perform(effect)

    assert world.actions == []


@pytest.mark.parametrize(
    ("limit", "swap", "expected"),
    [(64, 64, 128), (64, 96, 160), (64, -1, -1), (64, 0, 256), (64, 128, 192)],
)
async def test_the_swap_share_is_kept(
    world: World, url: str, limit: int, swap: int, expected: int
) -> None:
    """None stays none, a share stays as large, unlimited stays so, unset is twice the memory."""
    async with DockerHosts({"nas": url}) as hosts:
        facts = await hosts.facts(web(world))
    before = facts.model_copy(update={"memory_limit": limit, "memswap_limit": swap})

    assert memswap_for(128, before) == expected


async def test_a_broken_stream_ends_in_transient(
    world: World, standin: DockerStandin, url: str
) -> None:
    """The subscriber must know that it is deaf."""
    standin.faults.add("/events", disconnect="amid", after_chunks=1)
    async with DockerHosts({"nas": url}) as hosts, aclosing(hosts.events(None)) as events:
        waiting = asyncio.ensure_future(anext(events))
        await standin.faults.arrived("/events")
        await asyncio.sleep(0.05)
        await world.break_("web", "crash")
        first = await waiting
        world.verbs.start(world.get("web"))
        with pytest.raises(Transient, match="event stream"):
            await anext(events)

    assert first.action == "die"


async def test_no_stream_at_all_is_transient() -> None:
    """When no host answers there is nothing to wait for."""
    async with DockerHosts({"attic": DEAD}) as hosts, aclosing(hosts.events(None)) as events:
        with pytest.raises(Transient, match="'attic'"):
            await anext(events)


async def test_one_host_down_does_not_silence_the_others(world: World, url: str) -> None:
    """Events of the host that answers come, with the other tried again beside."""
    since = world.clock.now()
    await world.break_("web", "crash")
    async with (
        DockerHosts({"attic": DEAD, "nas": url}) as hosts,
        aclosing(hosts.events({"nas": since})) as events,
    ):
        first = await anext(events)

    assert (first.action, first.target_key) == ("die", "container:nas/web")


async def test_a_host_that_comes_back_is_heard(
    world: World, standin: DockerStandin, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What happened on it since the subscription began is not lost."""
    monkeypatch.setattr(docker_stream, "RETRY_S", 0.05)
    other = World()
    standin.faults.add("/_ping", status=500, times=2)
    since = world.clock.now()
    await world.break_("web", "crash")
    async with (
        running(DockerStandin(other)) as second,
        DockerHosts({"nas": url, "attic": second}) as hosts,
        aclosing(hosts.events({"nas": since})) as events,
    ):
        first = await anext(events)

    assert first.target_key == "container:nas/web"
    await other.aclose()


async def test_a_silent_death_of_the_daemon_is_noticed(
    world: World, standin: DockerStandin, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that stays open while the daemon no longer answers is broken."""
    monkeypatch.setattr(docker_stream, "QUIET_S", 0.2)
    async with (
        DockerHosts({"nas": url}, timeout_s=0.3) as hosts,
        aclosing(hosts.events(None)) as events,
    ):
        waiting = asyncio.ensure_future(anext(events))
        await standin.faults.arrived("/events")
        standin.faults.add("/_ping", delay_s=3)
        with pytest.raises(Transient, match="sign of life"):
            await waiting


async def test_a_chatty_host_does_not_hide_a_silent_one(
    world: World, standin: DockerStandin, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each host is asked for a sign of life after its own silence."""
    monkeypatch.setattr(docker_stream, "QUIET_S", 0.3)
    other = World()
    other.add(Service(name="loud"))
    async with (
        running(DockerStandin(other)) as second,
        DockerHosts({"nas": url, "attic": second}, timeout_s=0.3) as hosts,
        aclosing(hosts.events(None)) as events,
    ):
        waiting = asyncio.ensure_future(_until_it_breaks(events))
        await standin.faults.arrived("/events")
        standin.faults.add("/_ping", delay_s=30)
        while not waiting.done():
            await other.break_("loud", "crash")
            other.verbs.start(other.get("loud"))
            await asyncio.sleep(0.05)
        reason = await waiting
    await other.aclose()

    assert "sign of life" in reason


async def _until_it_breaks(events: AsyncGenerator[ContainerEvent, None]) -> str:
    async with asyncio.timeout(10):
        try:
            async for _ in events:
                pass
        except Transient as error:
            return str(error)
    return "it ended"


async def test_each_host_is_taken_up_at_its_own_time(world: World, url: str) -> None:
    """One of which nothing is known yet tells all it still knows."""
    await world.break_("web", "crash")
    later = world.clock.now() + timedelta(hours=1)
    async with (
        DockerHosts({"nas": url, "attic": url}) as hosts,
        aclosing(hosts.events({"nas": later})) as events,
    ):
        async with asyncio.timeout(10):
            told = [await anext(events)]

    assert {one.target_key for one in told} == {"container:attic/web"}


async def test_closing_the_stream_ends_its_threads(world: World, url: str) -> None:
    """At once, also while nothing comes."""
    async with DockerHosts({"nas": url}) as hosts:
        since = world.clock.now()
        await world.break_("web", "crash")
        async with aclosing(hosts.events({"nas": since})) as events:
            await anext(events)
            reading = [t for t in threading.enumerate() if t.name == "docker-events-nas"]
        for thread in reading:
            await asyncio.to_thread(thread.join, 2)

    assert reading
    assert not any(thread.is_alive() for thread in reading)
