"""A container runtime in a dictionary, that behaves and reports as Docker was recorded to.

Not here: what a real daemon does to processes; those tests are marked `stack`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domain.errors import Conflict, NightshiftError, NotFound, Permanent
from domain.facts import (
    ContainerEvent,
    ContainerFacts,
    ContainerStats,
    Inventory,
    LogTail,
)
from domain.ports import Performed
from domain.remedy import Effect
from domain.target import Target
from nightshift.testing.builders import T0
from nightshift.testing.clock import StillClock

Fate = Callable[[ContainerFacts], ContainerFacts]
"""What becomes of a container that was just started."""


def recovers(facts: ContainerFacts) -> ContainerFacts:
    """It runs, and its health check passes if it has one."""
    health = "none" if facts.health == "none" else "healthy"
    return facts.model_copy(update={"health": health})


def stays_unhealthy(facts: ContainerFacts) -> ContainerFacts:
    """It runs, and its health check goes on failing."""
    return facts.model_copy(update={"health": "unhealthy"})


def dies(facts: ContainerFacts) -> ContainerFacts:
    """It ends with code 1 half a second after its start."""
    end = (facts.started_at or T0) + timedelta(seconds=0.5)
    return facts.model_copy(update={"status": "exited", "exit_code": 1, "finished_at": end})


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """An effect whose answer is `error`; `late_s` None means that it does not take place."""

    error: NightshiftError
    late_s: float | None


class FakeContainers:
    """The port `Containers`. `performed` are the effects sent, `done` those that took place.

    `silent` names methods that never answer, `errors` what they raise instead of answering.
    """

    def __init__(self, clock: StillClock, *containers: ContainerFacts) -> None:
        self._clock = clock
        self._known = {facts.target.id: facts for facts in containers}
        self._fates: dict[str, list[Fate]] = {}
        self._troubles: list[Trouble] = []
        self._news = asyncio.Event()
        self.performed: list[Effect] = []
        self.done: list[Effect] = []
        self.story: list[ContainerEvent] = []
        self.said: dict[str, list[str]] = {}
        self.usage: dict[str, ContainerStats] = {}
        self.unreachable: dict[str, str] = {}
        self.silent: set[str] = set()
        self.errors: dict[str, NightshiftError] = {}

    def __getitem__(self, name: str) -> ContainerFacts:
        return next(facts for facts in self._known.values() if facts.target.name == name)

    def __iter__(self) -> Iterator[ContainerFacts]:
        return iter(list(self._known.values()))

    def add(self, *containers: ContainerFacts) -> None:
        """Add or replace these, as if they had always been there."""
        self._known.update({facts.target.id: facts for facts in containers})

    def remove(self, name: str) -> None:
        """`docker rm -f`."""
        self._tell(self[name].target, "destroy")
        del self._known[self[name].target.id]

    def change(self, name: str, **fields: Any) -> ContainerFacts:
        """Set fields of its facts, without any event."""
        changed = ContainerFacts.model_validate({**dict(self[name]), **fields})
        self._known[changed.target.id] = changed
        return changed

    def fate(self, name: str, *fates: Fate) -> None:
        """What its next starts lead to, one after the other; the last one stays."""
        self._fates[name] = list(fates)

    def trouble(self, error: NightshiftError, *, late_s: float | None = None) -> None:
        """The next effect is answered with `error`; it takes place `late_s` seconds later."""
        self._troubles.append(Trouble(error=error, late_s=late_s))

    def crash(self, name: str, code: int = 1) -> None:
        """It ends by itself: only a `die`."""
        self._end(name, code)

    def oom(self, name: str) -> None:
        """The kernel kills it at its limit: `oom`, then `die`."""
        self._tell(self[name].target, "oom")
        self._end(name, 137, oom_killed=True)

    def stop(self, name: str, code: int = 0) -> None:
        """Somebody stops it: `kill`, `die`, `stop`."""
        self._tell(self[name].target, "kill", signal="15")
        self._end(name, code)
        self._tell(self[name].target, "stop")

    def kill(self, name: str) -> None:
        """Somebody kills it: `kill`, then `die` with 137."""
        self._tell(self[name].target, "kill", signal="9")
        self._end(name, 137)

    def pause(self, name: str) -> None:
        """Somebody pauses it; its health check turns unhealthy, if it has one."""
        facts = self[name]
        health = "none" if facts.health == "none" else "unhealthy"
        self.change(name, status="paused", health=health)
        self._tell(facts.target, "pause")

    def cut(self, name: str, network: str) -> None:
        """Somebody takes it off a network; inside it stays green."""
        facts = self[name]
        self.change(name, networks=[one for one in facts.networks if one.name != network])
        self._tell(facts.target, "disconnect", network=network)

    def _end(self, name: str, code: int, *, oom_killed: bool = False) -> None:
        facts = self[name]
        health = "none" if facts.health == "none" else "unhealthy"
        self.change(
            name,
            status="exited",
            exit_code=code,
            oom_killed=oom_killed,
            health=health,
            finished_at=self._clock.now(),
        )
        self._tell(facts.target, "die", exit_code=code)

    def _tell(self, target: Target, action: str, **more: Any) -> None:
        known = {"target_key": target.key, "container_id": target.id, "action": action}
        event = {**known, "at": self._clock.now(), **more}
        self.story.append(ContainerEvent.model_validate(event))
        self._news.set()

    async def inventory(self) -> Inventory:
        """All containers of the hosts that are not `unreachable`."""
        await self._answering("inventory")
        found = [facts for facts in self if facts.target.host not in self.unreachable]
        return Inventory(containers=found, unreachable=dict(self.unreachable), own_host="local")

    async def facts(self, target: Target) -> ContainerFacts:
        """Inspect by full id. Raises NotFound."""
        await self._answering("facts")
        return self._find(target)

    async def logs(self, target: Target, *, lines: int) -> LogTail:
        """The last of what was `said`."""
        await self._answering("logs")
        said = self.said.get(target.name, [])
        return LogTail(lines=said[-lines:], truncated=len(said) > lines)

    async def stats(self, target: Target) -> ContainerStats | None:
        """The `usage` put down for it, while it runs."""
        await self._answering("stats")
        return self.usage.get(target.name) if self._find(target).running else None

    async def perform(self, effect: Effect) -> Performed:
        """Do one effect, or whatever the next `trouble` says."""
        self.performed.append(effect)
        await self._answering("perform")
        if not self._troubles:
            return self._take_place(effect)
        trouble = self._troubles.pop(0)
        if trouble.late_s is not None:
            self._clock.after(trouble.late_s, lambda: self._take_place(effect))
            self._clock.advance(0)
        raise trouble.error

    async def remembered(
        self, target: Target, *, since: datetime, until: datetime
    ) -> list[ContainerEvent]:
        """The container's own part of the story between these times."""
        await self._answering("remembered")
        own = [one for one in self.story if one.container_id == target.id]
        return [one for one in own if since <= one.at <= until]

    async def events(self, since: Mapping[str, datetime] | None) -> AsyncIterator[ContainerEvent]:
        """The story so far, from `since` on, then whatever happens next."""
        place = 0
        while True:
            await self._answering("events")
            for event in self.story[place:]:
                place += 1
                if since is None or event.at >= since.get(_host(event), event.at):
                    yield event
            self._news.clear()
            await self._news.wait()

    async def _answering(self, method: str) -> None:
        if method in self.silent:
            await asyncio.Event().wait()
        if method in self.errors:
            raise self.errors[method]

    def _find(self, target: Target) -> ContainerFacts:
        found = self._known.get(target.id)
        if found is None or found.target.host != target.host:
            raise NotFound(f"there is no container {target.name!r} on {target.host!r}")
        return found

    def _take_place(self, effect: Effect) -> Performed:
        performed = _VERBS[effect.verb](self, effect, self._find(effect.target))
        self.done.append(effect)
        return performed

    def _up(self, facts: ContainerFacts, **more: Any) -> None:
        """Start it: `OOMKilled` stays as it was, as in Docker, and its fate is fulfilled."""
        name = facts.target.name
        fates = self._fates.get(name) or [recovers]
        fate = fates.pop(0) if len(fates) > 1 else fates[0]
        begun = {"status": "running", "exit_code": 0, "started_at": self._clock.now(), **more}
        self._tell(facts.target, "start")
        now = fate(facts.model_copy(update=begun))
        self._known[facts.target.id] = now
        if now.status == "exited":
            self._tell(facts.target, "die", exit_code=now.exit_code, at=now.finished_at)

    def start(self, effect: Effect, facts: ContainerFacts) -> Performed:
        """304 on what runs, 409 on what is paused."""
        if facts.status in ("running", "restarting"):
            return Performed(result="already", detail=f"it is {facts.status}")
        if facts.status == "paused":
            raise Conflict(f"{facts.target.name!r} is paused, and cannot be started")
        self._up(facts)
        return Performed(result="done", detail="started")

    def restart(self, effect: Effect, facts: ContainerFacts) -> Performed:
        """Stop and start; Docker's own restart counter goes back to 0."""
        for action in ("kill", "die", "stop"):
            self._tell(facts.target, action)
        self._up(facts, restart_count=0)
        self._tell(facts.target, "restart")
        return Performed(result="done", detail="restarted")

    def unpause(self, effect: Effect, facts: ContainerFacts) -> Performed:
        """Only what is paused can be unpaused."""
        if facts.status != "paused":
            raise Conflict(f"{facts.target.name!r} is not paused")
        self._known[facts.target.id] = recovers(facts.model_copy(update={"status": "running"}))
        self._tell(facts.target, "unpause")
        return Performed(result="done", detail="unpaused")

    def connect_network(self, effect: Effect, facts: ContainerFacts) -> Performed:
        """Attach with its aliases."""
        network = effect.network
        if network is None:
            raise Permanent("connect_network needs a network")
        if any(one.name == network.name for one in facts.networks):
            return Performed(result="already", detail=f"it is on {network.name}")
        self.change(facts.target.name, networks=[*facts.networks, network])
        self._tell(facts.target, "connect", network=network.name)
        return Performed(result="done", detail=f"connected to {network.name}")

    def update_memory(self, effect: Effect, facts: ContainerFacts) -> Performed:
        """Set the limit of memory and, in proportion, of swap."""
        size = effect.memory_bytes
        self.change(facts.target.name, memory_limit=size, memswap_limit=2 * size)
        self._tell(facts.target, "update")
        return Performed(result="done", detail=f"limit {size} bytes")


def _host(event: ContainerEvent) -> str:
    return event.target_key.partition(":")[2].partition("/")[0]


_VERBS: dict[str, Callable[[FakeContainers, Effect, ContainerFacts], Performed]] = {
    "start": FakeContainers.start,
    "restart": FakeContainers.restart,
    "unpause": FakeContainers.unpause,
    "connect_network": FakeContainers.connect_network,
    "update_memory": FakeContainers.update_memory,
}
