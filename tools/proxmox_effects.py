"""The four verbs for guests, each done once and told truly. Not here: whether one may be done.

No verb stops anything for good, resets, resizes a disk or removes a lock.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from domain.errors import Conflict, NightshiftError, Permanent, Transient
from domain.guests import GuestFacts
from domain.ports import Performed
from domain.remedy import Effect
from domain.target import Target
from tools import proxmox_tasks
from tools.proxmox_api import Api
from tools.proxmox_errors import ServerError, Unnamed
from tools.proxmox_facts import MIB, PATH_KINDS, memory_mib

LOOK_EVERY_S = 0.5
UP_AGAIN_S = 30.0
"""How long QEMU may take to come up after the task of a reboot has ended (seconds)."""
_CLOCK_S = 1.5
Look = Callable[[Target], Awaitable[GuestFacts]]


@dataclass(kw_only=True)
class _Act:
    """One effect in hand; `until` is a time of the running loop's clock, `upid` our last task."""

    api: Api
    look: Look
    effect: Effect
    before: GuestFacts
    until: float
    sent_at: float = 0.0
    upid: str = ""

    @property
    def name(self) -> str:
        """For sentences."""
        return f"{self.effect.target.name!r} ({self.effect.target.id})"

    @property
    def path(self) -> tuple[str, ...]:
        """Its place in the API."""
        target = self.effect.target
        return ("nodes", target.host, PATH_KINDS[target.kind], target.id)

    async def run(self, verb: str, **form: object) -> str:
        """Send one power action and wait for its task; returns the exit text of a good one."""
        what = f"{verb} {self.name}"
        self.sent_at = _now()
        self.upid = await self.api.begin(what, *self.path, "status", verb, **form)
        return await proxmox_tasks.ended(self.api, self.upid, what=what, until=self.until)

    async def until_seen(self, good: Callable[[GuestFacts], bool], *, until: float) -> GuestFacts:
        """Look until it is so, or time is up; returns the last facts. Raises Transient."""
        while True:
            try:
                seen = await self.look(self.effect.target)
            except Permanent as error:
                raise Transient(f"what became of {self.name} is unknown: {error}") from None
            if good(seen) or _now() >= until:
                return seen
            await asyncio.sleep(LOOK_EVERY_S)


async def perform(api: Api, look: Look, effect: Effect, *, within_s: float) -> Performed:
    """Look the guest up, act once, say what came of it. Raises as `ProxmoxCluster.perform`."""
    verbs: dict[str, Callable[[_Act], Awaitable[Performed]]] = {
        "start_guest": _start,
        "resume_guest": _resume,
        "reboot_guest": _reboot,
        "raise_guest_memory": _raise_memory,
    }
    verb = verbs.get(effect.verb)
    if verb is None:
        raise Permanent(f"{effect.verb!r} is nothing that Proxmox does; nothing was done")
    before = await look(effect.target)
    _refuse_if_busy(effect, before)
    return await verb(
        _Act(api=api, look=look, effect=effect, before=before, until=_now() + within_s)
    )


def _refuse_if_busy(effect: Effect, before: GuestFacts) -> None:
    """Hands off what somebody else has in hand."""
    name = effect.target.name
    if before.target.name != name:
        raise Conflict(f"{name!r} is called {before.target.name!r} now; nothing was done")
    if before.status == "unknown":
        raise Transient(f"the status of {name!r} is unknown; nothing was done")
    if before.lock:
        raise Conflict(f"{name!r} is locked ({before.lock}); nothing was done")
    if before.task:
        raise Conflict(f"a task {before.task!r} runs on {name!r}; nothing was done")
    if before.template:
        raise Conflict(f"{name!r} is a template; nothing was done")
    if before.ha_state == "error":
        raise Conflict(
            f"the HA manager has {name!r} in state 'error', which a person has to clear; "
            "nothing was done"
        )


async def _start(act: _Act) -> Performed:
    if act.before.running:
        return Performed(result="already", detail="it is running")
    if act.before.status != "stopped":
        raise Conflict(f"{act.name} is {act.before.status}, not stopped; nothing was done")
    try:
        exit_text = await act.run("start")
    except Unnamed as error:
        return await _seen_running(act, error, "started")
    except ServerError as error:
        raise Permanent(f"{act.name} did not start: {error}") from None
    except Conflict as error:
        if "already running" in str(error):
            return Performed(result="already", detail="somebody else started it just now")
        raise
    if act.before.ha_state:
        return await _started_by_ha(act)
    return Performed(result="done", detail=_told("started", exit_text))


async def _seen_running(act: _Act, error: Unnamed, done: str) -> Performed:
    """No task to follow: what counts is the guest. Raises the error where it does not run."""
    seen = await act.until_seen(lambda facts: facts.running and not facts.task, until=act.until)
    if not seen.running:
        raise error
    return Performed(result="done", detail=f"{done}; Proxmox named no task, but it runs")


async def _started_by_ha(act: _Act) -> Performed:
    """The task only asked the HA manager: what counts is the guest."""
    seen = await act.until_seen(lambda facts: facts.running, until=act.until)
    if not seen.running:
        raise Transient(
            f"the HA manager was asked to start {act.name}, which is {seen.status} still; "
            "it may start it later"
        )
    return Performed(result="done", detail="started by the HA manager")


async def _resume(act: _Act) -> Performed:
    if act.before.running:
        return Performed(result="already", detail="it is not paused")
    if act.before.target.kind != "vm" or act.before.status not in {"paused", "suspended"}:
        raise Conflict(f"{act.name} is {act.before.status}, not paused; nothing was done")
    try:
        exit_text = await act.run("resume")
    except Unnamed as error:
        return await _seen_running(act, error, "resumed")
    except ServerError as error:
        raise Permanent(f"{act.name} did not resume: {error}") from None
    return Performed(result="done", detail=_told("resumed", exit_text))


async def _reboot(act: _Act) -> Performed:
    if not act.before.running:
        raise Conflict(f"{act.name} is {act.before.status}, not running; nothing was done")
    try:
        exit_text = await act.run("reboot")
    except ServerError as error:
        raise Permanent(f"{act.name} did not reboot: {error}") from None
    except Permanent as error:
        if not act.upid:
            raise
        return await _after_failed_reboot(act, error)
    seen = await act.until_seen(lambda facts: _came_up_again(act, facts), until=_now() + UP_AGAIN_S)
    if seen.status == "stopped":
        return await _start_again(act, "the task of the reboot ended well, but it stayed down")
    if not _came_up_again(act, seen):
        raise Transient(f"{act.name} was asked to reboot and is {seen.status}, not started anew")
    return Performed(result="done", detail=_told("rebooted", exit_text))


def _came_up_again(act: _Act, facts: GuestFacts) -> bool:
    """Whether it runs since we asked: its uptime is shorter than the time passed since then.

    Where none is told, that it runs after a task that ended well has to do.
    """
    return facts.running and (facts.uptime_s or 0.0) <= _now() - act.sent_at + _CLOCK_S


async def _after_failed_reboot(act: _Act, error: Permanent) -> Performed:
    """Never leave down what we shut down."""
    try:
        seen = await act.look(act.effect.target)
    except NightshiftError:
        raise error from None
    if seen.status != "stopped":
        raise error
    return await _start_again(act, str(error))


async def _start_again(act: _Act, why: str) -> Performed:
    """Start once what our reboot left down; loudly if that fails."""
    act.until = max(act.until, _now() + UP_AGAIN_S)
    try:
        await act.run("start")
    except Transient as error:
        raise Transient(
            f"WE SHUT {act.name} DOWN and do not know whether it starts again: {error}"
        ) from None
    except Permanent as error:
        raise Permanent(
            f"WE SHUT {act.name} DOWN AND IT DOES NOT START AGAIN: our reboot stopped it ({why}). "
            f"It is down because of us; start it by hand. {error}"
        ) from None
    return Performed(result="done", detail=f"rebooted by a start of its own; before: {why}")


async def _raise_memory(act: _Act) -> Performed:
    """Never lower; the API counts in MiB. `digest` makes Proxmox refuse if somebody else wrote."""
    wanted = -(-act.effect.memory_bytes // MIB)
    what = f"raise the memory of {act.name}"
    config = await _config(act)
    had = memory_mib(config)
    if wanted <= had:
        return Performed(result="already", detail=_memory_told(act.before, had, had))
    try:
        await act.api.put(what, *act.path, "config", memory=wanted, digest=config.get("digest"))
    except ServerError as error:
        if memory_mib(await _config(act)) < wanted:
            raise Permanent(f"could not {what}: {error}") from None
    try:
        after = await act.look(act.effect.target)
    except NightshiftError as error:
        return Performed(result="done", detail=f"memory is {wanted} MiB, was {had} MiB; {error}")
    return Performed(result="done", detail=_memory_told(after, had, wanted))


async def _config(act: _Act) -> dict[str, Any]:
    """The configuration with what is pending in it."""
    return await act.api.fields(f"read the configuration of {act.name}", *act.path, "config")


def _memory_told(facts: GuestFacts, had: int, wanted: int) -> str:
    change = f"memory is {wanted} MiB" + (f", was {had} MiB" if had != wanted else "")
    if not facts.running:
        return f"{change}; it takes effect at the next start"
    if facts.memory_limit >= wanted * MIB:
        return f"{change}; in effect at once"
    return f"{change}; it takes effect at the next reboot"


def _told(done: str, exit_text: str) -> str:
    return done if exit_text == "OK" else f"{done} ({exit_text}; see the task's log)"


def _now() -> float:
    return asyncio.get_running_loop().time()
