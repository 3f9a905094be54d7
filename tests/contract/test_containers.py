"""The port `Containers` over Docker: one suite for the stand-in and for a real daemon."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import Conflict, NotFound, Permanent
from domain.facts import ContainerEvent, Network
from domain.ports import Containers
from domain.remedy import Effect, Precondition, Verb
from domain.target import Target
from lab.standins.docker import DockerStandin, running
from lab.world import World
from tests.contract.grounds import MIB, Ground, RealGround, StandinGround, facts_when
from tools.docker import DockerHosts


@pytest.fixture(params=["standin", pytest.param("real", marks=pytest.mark.stack)])
async def ground(request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    """The suite's ground, its hosts under the name `ground`."""
    if request.param == "standin":
        world = World()
        async with running(DockerStandin(world)) as url, DockerHosts({"ground": url}) as hosts:
            yield StandinGround(world, hosts)
        await world.aclose()
        return
    url = request.getfixturevalue("real_docker")
    async with DockerHosts({"ground": url}, stop_grace_s=2) as hosts:
        real = RealGround(url, hosts)
        try:
            yield real
        finally:
            real.clear()


async def effect(
    ground: Ground, target: Target, verb: Verb, *, memory: int = 0, network: Network | None = None
) -> Effect:
    """One change to this target as it is now."""
    seen = Precondition.of(await ground.hosts.facts(target))
    return Effect(verb=verb, target=target, precondition=seen, memory_bytes=memory, network=network)


async def heard(
    ground: Ground, target: Target, *, since: datetime, last: Callable[[ContainerEvent], bool]
) -> list[ContainerEvent]:
    """The events of this target since then, up to the last one wanted."""
    found: list[ContainerEvent] = []
    async with asyncio.timeout(10):
        stream = ground.hosts.events({target.host: since})
        async with aclosing(stream) as events:
            async for event in events:
                found += [event] if event.container_id == target.id else []
                if found and last(found[-1]):
                    break
    return found


def actions(events: list[ContainerEvent]) -> list[str]:
    """What happened, without health checks."""
    return [event.action for event in events if event.action != "health_status"]


async def test_it_is_the_port(ground: Ground) -> None:
    """DockerHosts has everything that nodes ask of a container runtime."""
    assert isinstance(ground.hosts, Containers)


async def test_inventory_holds_the_facts_of_every_container(ground: Ground) -> None:
    """A listing gives the same facts as asking for the one container."""
    target = await ground.make("web", memory=64 * MIB, aliases=("www",), labels={"a": "b"})
    await facts_when(ground, target, lambda facts: facts.well)

    inventory = await ground.hosts.inventory()

    found = next(one for one in inventory.containers if one.target.id == target.id)
    assert found == await ground.hosts.facts(target)
    assert found.networks[0].name == ground.network()
    assert (found.networks[0].aliases, found.labels["a"]) == (["www"], "b")
    assert (found.memory_limit, found.memswap_limit) == (64 * MIB, 64 * MIB)
    assert inventory.unreachable == {}


async def test_a_crash_is_cured_by_start_once(ground: Ground) -> None:
    """Start brings a dead one up; a second start changes nothing and says so."""
    target = await ground.make("web")
    await ground.crash(target)
    down = await facts_when(ground, target, lambda facts: facts.status == "exited")
    order = await effect(ground, target, "start")

    first, second = await ground.hosts.perform(order), await ground.hosts.perform(order)

    assert (down.exit_code, down.oom_killed) == (1, False)
    assert (first.result, second.result) == ("done", "already")
    assert (await facts_when(ground, target, lambda facts: facts.well)).running


async def test_restart_cures_what_start_does_not(ground: Ground) -> None:
    """A hung one stays unhealthy after start and is well after restart."""
    target = await ground.make("web")
    await facts_when(ground, target, lambda facts: facts.health == "healthy")
    await ground.hang(target)
    await facts_when(ground, target, lambda facts: facts.health == "unhealthy")

    started = await ground.hosts.perform(await effect(ground, target, "start"))
    restarted = await ground.hosts.perform(await effect(ground, target, "restart"))

    assert (started.result, restarted.result) == ("already", "done")
    assert (await facts_when(ground, target, lambda facts: facts.well)).health == "healthy"


async def test_unpause_only_what_is_paused(ground: Ground) -> None:
    """Paused: done. Running: already. Exited: a conflict, and it stays down."""
    target = await ground.make("web")
    await ground.person("pause", target)

    with pytest.raises(Conflict, match="unpause"):
        await ground.hosts.perform(await effect(ground, target, "start"))
    first = await ground.hosts.perform(await effect(ground, target, "unpause"))
    second = await ground.hosts.perform(await effect(ground, target, "unpause"))
    await ground.person("kill", target)
    with pytest.raises(Conflict, match="not paused"):
        await ground.hosts.perform(await effect(ground, target, "unpause"))

    assert (first.result, second.result) == ("done", "already")


@pytest.mark.parametrize(("swap", "after"), [(64, 128), (96, 160), (-1, -1)])
async def test_memory_is_raised_with_its_swap(ground: Ground, swap: int, after: int) -> None:
    """The swap share stays what it was: none, so much more, or unlimited."""
    target = await ground.make("web", memory=64 * MIB, memswap=swap * MIB if swap > 0 else swap)

    done = await ground.hosts.perform(
        await effect(ground, target, "update_memory", memory=128 * MIB)
    )

    facts = await ground.hosts.facts(target)
    assert done.result == "done"
    assert (facts.memory_limit, facts.running) == (128 * MIB, True)
    assert facts.memswap_limit == (after * MIB if after > 0 else after)


async def test_memory_is_not_set_where_it_must_not(ground: Ground) -> None:
    """Below Docker's minimum it is refused; a container without a limit gets none."""
    small, free = await ground.make("small", memory=64 * MIB), await ground.make("free")

    with pytest.raises(Permanent, match="6MB"):
        await ground.hosts.perform(await effect(ground, small, "update_memory", memory=MIB))
    with pytest.raises(Conflict, match="no memory limit"):
        await ground.hosts.perform(await effect(ground, free, "update_memory", memory=64 * MIB))

    assert (await ground.hosts.facts(small)).memory_limit == 64 * MIB


async def test_a_cut_network_is_connected_again_with_its_aliases(ground: Ground) -> None:
    """Connecting restores the names it answers to; connected already is no failure."""
    target = await ground.make("web", aliases=("www",))
    network = (await ground.hosts.facts(target)).networks[0]
    await ground.person("cut", target)
    order = await effect(ground, target, "connect_network", network=network)

    first, second = await ground.hosts.perform(order), await ground.hosts.perform(order)

    assert (first.result, second.result) == ("done", "already")
    assert (await ground.hosts.facts(target)).networks[0].aliases == ["www"]


async def test_a_network_that_is_gone_is_not_found(ground: Ground) -> None:
    """Nothing is made up for a network that no longer exists."""
    target = await ground.make("web")
    order = await effect(
        ground, target, "connect_network", network=Network(name="nightshift-no-such-network")
    )

    with pytest.raises(NotFound, match="nightshift-no-such-network"):
        await ground.hosts.perform(order)


async def test_neither_a_prefix_nor_a_name_passes_for_an_id(ground: Ground) -> None:
    """Docker would take both; we act on the full id of the listing only."""
    target = await ground.make("web")
    await ground.crash(target)
    await facts_when(ground, target, lambda facts: facts.status == "exited")
    order = await effect(ground, target, "start")

    for wrong in (target.id[:6], target.id[:12], target.name, ""):
        alias = target.model_copy(update={"id": wrong})
        with pytest.raises(Permanent, match="not a full container id"):
            await ground.hosts.perform(order.model_copy(update={"target": alias}))

    assert (await ground.hosts.facts(target)).status == "exited"


async def test_a_container_that_does_not_exist_is_not_found(ground: Ground) -> None:
    """Every question about it says so."""
    gone = Target(host="ground", id="f" * 64, name="gone", service="gone")

    for ask in (ground.hosts.facts, ground.hosts.stats):
        with pytest.raises(NotFound, match="No such container"):
            await ask(gone)
    with pytest.raises(NotFound, match="No such container"):
        await ground.hosts.logs(gone, lines=5)


async def test_logs_are_the_last_lines(ground: Ground) -> None:
    """Both streams, without Docker's framing."""
    target = await ground.make("web")
    await ground.crash(target)
    await facts_when(ground, target, lambda facts: facts.status == "exited")

    whole = await ground.hosts.logs(target, lines=100)
    last = await ground.hosts.logs(target, lines=1)

    assert "starting" in whole.lines[0]
    assert any("worker" in line for line in whole.lines[1:])
    assert last.lines == whole.lines[-1:]


async def test_stats_are_of_running_containers(ground: Ground) -> None:
    """Usage below its limit while it runs, nothing once it is down."""
    target = await ground.make("web", memory=64 * MIB)

    up = await ground.hosts.stats(target)
    await ground.person("kill", target)
    down = await ground.hosts.stats(target)

    assert up is not None
    assert 0 < up.memory_usage < up.memory_limit == 64 * MIB
    assert down is None


async def test_a_crash_is_told_by_die_alone(ground: Ground) -> None:
    """No signal, no stop; and leaving its networks counts as nobody's doing."""
    target = await ground.make("web")
    since = datetime.now(UTC)
    await ground.crash(target)

    events = await heard(ground, target, since=since, last=lambda e: e.action == "die")
    await ground.hosts.perform(await effect(ground, target, "start"))
    events = await heard(ground, target, since=since, last=lambda e: e.action == "start")

    assert actions(events) == ["die", "start"]
    assert (events[0].exit_code, events[0].target_key) == (1, target.key)
    assert since - timedelta(seconds=1) <= events[0].at <= datetime.now(UTC)


async def test_a_persons_stop_is_told_with_its_signal(ground: Ground) -> None:
    """Stop: kill 15, die, stop. Kill: kill 9, die."""
    stopped, killed = await ground.make("a"), await ground.make("b")
    await facts_when(ground, stopped, lambda facts: facts.well)
    since = datetime.now(UTC)
    await ground.person("stop", stopped)
    await ground.person("kill", killed)

    by_stop = await heard(ground, stopped, since=since, last=lambda e: e.action == "stop")
    by_kill = await heard(ground, killed, since=since, last=lambda e: e.action == "die")

    assert actions(by_stop) == ["kill", "die", "stop"]
    assert actions(by_kill) == ["kill", "die"]
    assert (by_stop[0].signal, by_kill[0].signal, by_kill[-1].exit_code) == ("15", "9", 137)


async def test_what_happened_to_one_container_can_be_asked_for_later(ground: Ground) -> None:
    """What the stream told, without following it; nothing older, nothing of another."""
    target, other = await ground.make("a"), await ground.make("b")
    await facts_when(ground, target, lambda facts: facts.well)
    since = datetime.now(UTC)
    await ground.person("stop", target)
    await ground.person("kill", other)
    told = await heard(ground, target, since=since, last=lambda e: e.action == "stop")
    alone = [one for one in told if one.container_id == target.id]

    last = told[-1].at + timedelta(milliseconds=1)  # Docker counts nanoseconds

    assert await ground.hosts.remembered(target, since=since, until=last) == alone
    assert await ground.hosts.remembered(target, since=last, until=last) == []


async def test_a_network_cut_is_told_with_its_name(ground: Ground) -> None:
    """A running container that leaves a network was made to; coming back is told too."""
    target = await ground.make("web")
    network = (await ground.hosts.facts(target)).networks[0]
    since = datetime.now(UTC)
    await ground.person("cut", target)
    await ground.hosts.perform(await effect(ground, target, "connect_network", network=network))

    events = await heard(ground, target, since=since, last=lambda e: e.action == "connect")

    assert set(actions(events)) == {"disconnect", "connect"}
    told = {(e.network, e.target_key) for e in events if e.action != "health_status"}
    assert told == {(ground.network(), target.key)}


async def test_our_own_restart_is_told_as_docker_tells_it(ground: Ground) -> None:
    """What the ledger must know for its own: kill, die, stop, start, restart, then healthy."""
    target = await ground.make("web")
    await facts_when(ground, target, lambda facts: facts.well)
    since = datetime.now(UTC)
    await ground.hosts.perform(await effect(ground, target, "restart"))

    events = await heard(ground, target, since=since, last=lambda e: e.health == "healthy")

    assert actions(events) == ["kill", "die", "stop", "start", "restart"]


async def test_a_live_stream_hears_what_comes(ground: Ground) -> None:
    """Without a past to replay, the next thing that happens is told."""
    target = await ground.make("web")
    await facts_when(ground, target, lambda facts: facts.well)
    async with aclosing(ground.hosts.events(None)) as events:
        waiting = asyncio.ensure_future(anext(events))
        while not waiting.done():
            await ground.person("pause", target)
            await asyncio.wait([waiting], timeout=0.2)
            with suppress(Conflict):
                await ground.hosts.perform(await effect(ground, target, "unpause"))

    assert waiting.result().action in {"pause", "unpause"}


async def test_what_our_restart_cannot_bring_back_is_said_loudly(ground: Ground) -> None:
    """The stop worked and both starts failed: we stopped it, and the message says so."""
    parent = await ground.make("parent")
    target = await ground.make("child", rides_on=parent)
    await ground.person("remove", parent)
    order = await effect(ground, target, "restart")

    with pytest.raises(Permanent, match=r"WE STOPPED .* AND IT DOES NOT START AGAIN"):
        await ground.hosts.perform(order)

    assert (await ground.hosts.facts(target)).status == "exited"


async def test_a_policy_brings_it_back_and_is_counted(ground: Ground) -> None:
    """The daemon's own restarts show in the count; ours set it back."""
    target = await ground.make("web", restart="always")
    await ground.crash(target)

    back = await facts_when(ground, target, lambda facts: facts.restart_count > 0 and facts.running)
    await ground.hosts.perform(await effect(ground, target, "restart"))

    assert back.restart_policy == "always"
    assert (await ground.hosts.facts(target)).restart_count == 0
