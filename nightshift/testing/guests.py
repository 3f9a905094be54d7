"""A Proxmox cluster in a dictionary: tasks, locks, the HA manager. Not here: HTTP."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

from domain.errors import Conflict, NightshiftError, NotFound
from domain.guests import GuestFacts, GuestInventory, GuestTask, NodeFacts
from domain.ports import Performed
from domain.remedy import Effect, Verb
from domain.target import Target
from nightshift.testing.builders import node
from nightshift.testing.clock import StillClock
from nightshift.testing.containers import Trouble

Fate = Callable[[GuestFacts], GuestFacts]
"""What becomes of a guest that was just started."""
US = "nightshift@pve!token"
PERSON = "root@pam"
FOR_MEMORY: dict[str, object] = {"status": "stopped", "uptime_s": 0.0, "oom_events": 1}


def dies_again(facts: GuestFacts) -> GuestFacts:
    """Its start goes well, and then it ends."""
    return facts.model_copy(update={"status": "stopped", "uptime_s": 0.0})


def needs_memory(size: int) -> Fate:
    """It ends for want of memory while its limit is below `size`."""
    return lambda facts: (
        facts if facts.memory_limit >= size else facts.model_copy(update=FOR_MEMORY)
    )


class FakeGuests:
    """The port `Guests`. `performed` are the effects sent, `done` those that took place.

    `silent` names methods that never answer, `errors` what they raise instead of answering. Time
    passes for guests that run: their `uptime_s`, where they have one, grows with the clock.
    """

    def __init__(
        self, clock: StillClock, *guests: GuestFacts, nodes: Iterable[NodeFacts] | None = None
    ) -> None:
        self._clock = clock
        self._known = {facts.target.id: (clock.now(), facts) for facts in guests}
        names = dict.fromkeys(facts.target.host for facts in guests)
        found = list(nodes) if nodes is not None else [node(name) for name in names]
        self.nodes = {facts.target.name: facts for facts in found}
        self._fates: dict[str, Fate] = {}
        self._troubles: list[Trouble] = []
        self._tasks = 0
        self.performed: list[Effect] = []
        self.done: list[Effect] = []
        self.unreachable: dict[str, str] = {}
        self.silent: set[str] = set()
        self.errors: dict[str, NightshiftError] = {}

    def __getitem__(self, name: str) -> GuestFacts:
        return next(facts for facts in self if facts.target.name == name)

    def __iter__(self) -> Iterator[GuestFacts]:
        return iter([self._now(number) for number in self._known])

    def change(self, name: str, **changes: Any) -> None:
        """Change facts, whoever did it."""
        facts = self[name].model_copy(update=changes)
        self._known[facts.target.id] = (self._clock.now(), facts)

    def fate(self, name: str, fate: Fate) -> None:
        """What its next starts come to."""
        self._fates[name] = fate

    def trouble(self, error: NightshiftError, *, late_s: float | None = None) -> None:
        """The next effect ends in this error; after `late_s` it takes place all the same."""
        self._troubles.append(Trouble(error=error, late_s=late_s))

    def crash(self, name: str) -> None:
        """It ends, and no task says why."""
        self.change(name, status="stopped", uptime_s=0.0)

    def stop(self, name: str, *, user: str = PERSON) -> None:
        """Somebody shuts it down."""
        self.task(name, f"{_prefix(self[name])}shutdown", user=user)
        self.crash(name)

    def suspend(self, name: str, *, user: str = PERSON) -> None:
        """Somebody suspends it."""
        self.task(name, f"{_prefix(self[name])}suspend", user=user)
        self.change(name, status="paused")

    def begin_backup(self, name: str) -> None:
        """A backup in mode stop is under way."""
        self.task(name, "vzdump", running=True)
        self.change(name, status="stopped", uptime_s=0.0, lock="backup", task="vzdump")

    def end_backup(self, name: str, *, start: bool) -> None:
        """The backup's end, with or without the guest's start."""
        ended = self._clock.now()
        tasks = [
            one.model_copy(update={"ended_at": ended, "exit": "OK"}) if not one.ended_at else one
            for one in self[name].tasks
        ]
        status = "running" if start else "stopped"
        self.change(name, status=status, lock="", task="", uptime_s=0.0, tasks=tasks)

    def lose(self, name: str) -> None:
        """A node is gone: the cluster calls it offline, and its guests unknown."""
        self.nodes[name] = self.nodes[name].model_copy(update={"online": False})
        for facts in [one for one in self if one.target.host == name]:
            self.change(facts.target.name, status="unknown", uptime_s=0.0)

    def task(
        self, name: str, kind: str, *, user: str = PERSON, exit_: str = "OK", running: bool = False
    ) -> None:
        """Add a task to its log, newest first as Proxmox lists them."""
        self._tasks += 1
        facts, now = self[name], self._clock.now()
        stamp = f"{self._tasks:08X}"
        task = GuestTask(
            upid=f"UPID:{facts.target.host}:{stamp}:{stamp}:{stamp}:{kind}:{facts.target.id}:{user}:",
            kind=kind,
            user=user,
            started_at=now,
            ended_at=None if running else now,
            exit="" if running else exit_,
        )
        self.change(name, tasks=[task, *facts.tasks])

    async def inventory(self) -> GuestInventory:
        """Everything, or only why there is nothing."""
        await self._answering("inventory")
        if self.unreachable:
            return GuestInventory(unreachable=dict(self.unreachable))
        return GuestInventory(nodes=list(self.nodes.values()), guests=list(self))

    async def guest(self, target: Target) -> GuestFacts:
        """One guest by node and vmid. Raises NotFound."""
        await self._answering("guest")
        return self._find(target)

    async def perform(self, effect: Effect) -> Performed:
        """Do one effect, or whatever the next `trouble` says."""
        self.performed.append(effect)
        await self._answering("perform")
        facts = self._find(effect.target)
        if facts.lock or facts.task:
            raise Conflict(f"{facts.target.name} is locked ({facts.lock or facts.task})")
        if not self._troubles:
            return self._take_place(effect)
        trouble = self._troubles.pop(0)
        if trouble.late_s is not None:
            self._clock.after(trouble.late_s, lambda: self._take_place(effect))
            self._clock.advance(0)
        raise trouble.error

    async def _answering(self, method: str) -> None:
        if method in self.silent:
            await asyncio.Event().wait()
        if method in self.errors:
            raise self.errors[method]

    def _now(self, number: str) -> GuestFacts:
        since, facts = self._known[number]
        if not facts.running or facts.uptime_s is None:
            return facts
        grown = facts.uptime_s + (self._clock.now() - since).total_seconds()
        started = self._clock.now() - timedelta(seconds=grown)
        return facts.model_copy(update={"uptime_s": grown, "started_at": started})

    def _find(self, target: Target) -> GuestFacts:
        found = target.id in self._known and self._now(target.id)
        if not found or found.target != target:
            raise NotFound(f"there is no guest {target.id} on {target.host!r}")
        return found

    def _take_place(self, effect: Effect) -> Performed:
        facts = self._find(effect.target)
        detail = _VERBS[effect.verb](self, effect, facts)
        self.done.append(effect)
        return Performed(result="done", detail=detail)

    def _start(self, effect: Effect, facts: GuestFacts) -> str:
        """500 on what runs; an HA-managed guest is only put on the manager's list."""
        if facts.running:
            raise Conflict(f"CT {facts.target.id} already running")
        self.task(facts.target.name, f"{_prefix(facts)}start", user=US)
        if not facts.ha_state:
            self._up(facts.target.name)
        return "started"

    def _up(self, name: str) -> None:
        begun = self[name].model_copy(update={"status": "running", "uptime_s": 0.0})
        fate = self._fates.get(name)
        now = fate(begun) if fate else begun
        self._known[now.target.id] = (self._clock.now(), now)

    def _resume(self, effect: Effect, facts: GuestFacts) -> str:
        self.task(facts.target.name, f"{_prefix(facts)}resume", user=US)
        self.change(facts.target.name, status="running")
        return "resumed"

    def _reboot(self, effect: Effect, facts: GuestFacts) -> str:
        if not facts.running:
            raise Conflict(f"VM {facts.target.id} not running")
        self.task(facts.target.name, f"{_prefix(facts)}reboot", user=US)
        self._up(facts.target.name)
        return "rebooted"

    def _raise_memory(self, effect: Effect, facts: GuestFacts) -> str:
        self.change(facts.target.name, memory_limit=effect.memory_bytes)
        return f"limit {effect.memory_bytes} bytes"


def _prefix(facts: GuestFacts) -> str:
    return "vz" if facts.target.kind == "lxc" else "qm"


_VERBS: dict[Verb, Callable[[FakeGuests, Effect, GuestFacts], str]] = {
    "start_guest": FakeGuests._start,
    "resume_guest": FakeGuests._resume,
    "reboot_guest": FakeGuests._reboot,
    "raise_guest_memory": FakeGuests._raise_memory,
}
