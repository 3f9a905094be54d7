"""The five verbs, each done once and told truly. Not here: whether one may be done.

No verb creates, removes, kills or only stops anything.
"""

from collections.abc import Awaitable, Callable

from domain.errors import Conflict, NightshiftError, Permanent, Transient
from domain.facts import ContainerFacts
from domain.ports import Performed
from domain.remedy import Effect, Verb
from tools.docker_errors import ServerError
from tools.docker_host import Host

_UP = {"running", "paused", "restarting"}
Work = Callable[[Host, Effect, ContainerFacts], Awaitable[Performed]]


async def perform(host: Host, effect: Effect) -> Performed:
    """Look the target up, act once, say what came of it.

    Raises NotFound, Conflict and Permanent when it did not take place, Transient when that is
    unknown.
    """
    before = await host.look_up(effect.target)
    if before.target.name != effect.target.name:
        raise Conflict(
            f"{effect.target.name!r} is called {before.target.name!r} now; nothing was done"
        )
    verbs: dict[Verb, Work] = {
        "start": _start,
        "unpause": _unpause,
        "restart": _restart,
        "connect_network": _connect_network,
        "update_memory": _update_memory,
    }
    return await verbs[effect.verb](host, effect, before)


async def _start(host: Host, effect: Effect, before: ContainerFacts) -> Performed:
    if before.status in {"running", "restarting"}:
        return Performed(result="already", detail=f"it is {before.status}; start changes nothing")
    try:
        await _send_start(host, before)
    except ServerError as error:
        after = await host.look_up(effect.target)
        if after.running:
            return Performed(result="done", detail=f"started, although Docker said: {error}")
        raise Permanent(f"{before.target.name!r} did not start: {error}") from error
    return Performed(result="done", detail=f"started (was {before.status}, {before.exit_code})")


async def _send_start(host: Host, facts: ContainerFacts) -> None:
    container = facts.target.id
    await host.call(f"start {facts.target.name!r}", lambda client: client.start(container))


async def _unpause(host: Host, effect: Effect, before: ContainerFacts) -> Performed:
    if before.running:
        return Performed(result="already", detail="it is not paused")
    if before.status != "paused":
        raise Conflict(f"{before.target.name!r} is {before.status}, not paused; nothing was done")
    container = before.target.id
    try:
        await host.call(f"unpause {before.target.name!r}", lambda client: client.unpause(container))
    except ServerError:
        if (await host.look_up(effect.target)).running:
            return Performed(result="already", detail="somebody else unpaused it just now")
        raise
    return Performed(result="done", detail="unpaused")


async def _restart(host: Host, effect: Effect, before: ContainerFacts) -> Performed:
    container, grace = before.target.id, host.stop_grace_s
    try:
        await host.call(
            f"restart {before.target.name!r}",
            lambda client: client.restart(container, timeout=grace),
            extra_s=grace,
        )
    except NightshiftError as error:
        return await _after_failed_restart(host, before, error)
    return Performed(result="done", detail=f"restarted with {grace} s of grace")


async def _after_failed_restart(
    host: Host, before: ContainerFacts, error: NightshiftError
) -> Performed:
    """Find out what our restart left behind; never leave down what we stopped."""
    try:
        after = await host.look_up(before.target)
    except NightshiftError:
        raise error from None
    if after.running and after.started_at != before.started_at:
        return Performed(result="done", detail=f"restarted, although Docker said: {error}")
    if after.status in _UP:
        raise error
    if before.status in _UP:
        return await _start_again(host, before, error)
    raise Permanent(f"{before.target.name!r} was down and does not start: {error}") from error


async def _start_again(host: Host, before: ContainerFacts, error: NightshiftError) -> Performed:
    """Start once more what our restart stopped."""
    name = before.target.name
    try:
        await _send_start(host, before)
    except Transient as second:
        if not isinstance(second, ServerError):
            raise Transient(
                f"WE STOPPED {name!r} and do not know whether it starts again: {second}"
            ) from error
        raise Permanent(_we_stopped_it(name, second)) from error
    except Permanent as second:
        raise Permanent(_we_stopped_it(name, second)) from error
    return Performed(
        result="done", detail=f"restarted at the second start; the first failed: {error}"
    )


def _we_stopped_it(name: str, second: NightshiftError) -> str:
    return (
        f"WE STOPPED {name!r} AND IT DOES NOT START AGAIN: our restart stopped it, and both "
        f"starts failed. It is down because of us; start it by hand. {second}"
    )


async def _connect_network(host: Host, effect: Effect, before: ContainerFacts) -> Performed:
    network = effect.network
    if network is None:
        raise Permanent("connect_network needs a network; nothing was done")
    already = Performed(result="already", detail=f"it is on network {network.name!r}")
    if any(attached.name == network.name for attached in before.networks):
        return already
    container, name, aliases = before.target.id, network.name, list(network.aliases)
    try:
        await host.call(
            f"connect {before.target.name!r} to network {name!r}",
            lambda client: client.connect_container_to_network(container, name, aliases=aliases),
        )
    except Permanent:
        after = await host.look_up(effect.target)
        if any(attached.name == name for attached in after.networks):
            return already
        raise
    return Performed(result="done", detail=f"connected to {name!r} as {', '.join(aliases) or '-'}")


async def _update_memory(host: Host, effect: Effect, before: ContainerFacts) -> Performed:
    wanted, limit = effect.memory_bytes, before.memory_limit
    if limit == 0:
        raise Conflict(f"{before.target.name!r} has no memory limit; setting one would lower it")
    if wanted <= 0:
        raise Permanent(f"{wanted} is not a memory limit; nothing was done")
    if wanted == limit:
        return Performed(result="already", detail=f"the limit is {limit} bytes")
    container, swap = before.target.id, memswap_for(wanted, before)
    await host.call(
        f"set the memory of {before.target.name!r}",
        lambda client: client.update_container(container, mem_limit=wanted, memswap_limit=swap),
    )
    return Performed(result="done", detail=f"limit {limit} -> {wanted} bytes, with swap {swap}")


def memswap_for(wanted: int, before: ContainerFacts) -> int:
    """The limit of memory plus swap that goes with the memory limit `wanted`, in bytes.

    Unlimited (-1) stays so, the swap share stays as large as it was, and where none was set
    Docker's own default, twice the memory, is kept.
    """
    if before.memswap_limit == -1:
        return -1
    if before.memswap_limit == 0:
        return 2 * wanted
    return wanted + max(0, before.memswap_limit - before.memory_limit)
