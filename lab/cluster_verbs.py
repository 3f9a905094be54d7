"""What a cluster does by itself and at the API's word, refused as Proxmox refuses it.

Not here: HTTP and privileges (standins/proxmox.py), or what befalls guests (cluster_faults.py).
"""

import asyncio
from collections.abc import Callable

from domain.ports import Clock
from lab.cluster_parts import ClusterPace, ClusterRefusal, Guest, Node, Task

Work = Callable[[], str]
"""What a task does at its end; returns its exit text."""
_STARTED = {"lxc": "vzstart", "vm": "qmstart"}


class Machinery:
    """Nodes, guests and tasks, and all that changes them. Timers need a running event loop."""

    def __init__(self, clock: Clock, pace: ClusterPace) -> None:
        self.clock = clock
        self.pace = pace
        self.nodes: dict[str, Node] = {}
        self.guests: dict[int, Guest] = {}
        self.tasks: list[Task] = []
        self._timers: set[asyncio.Task[None]] = set()

    def later(self, seconds: float, then: Callable[[], object]) -> None:
        """Do it later."""

        async def wait() -> None:
            await self.clock.sleep(seconds)
            then()

        timer = asyncio.create_task(wait())
        self._timers.add(timer)
        timer.add_done_callback(self._timers.discard)

    def close(self) -> None:
        """End all timers."""
        for timer in self._timers:
            timer.cancel()

    def begin(
        self, kind: str, guest: Guest, user: str, work: Work, *, takes_s: float | None = None
    ) -> Task:
        """Start a task that does its work when its time is over."""
        task = self._new(kind, guest, user)
        takes = self.pace.task_s if takes_s is None else takes_s
        self.later(takes, lambda: self._end(task, work()))
        return task

    def ended(self, kind: str, guest: Guest, user: str, exit_text: str = "OK") -> Task:
        """A task that is over, as a person's before we came."""
        task = self._new(kind, guest, user)
        self._end(task, exit_text)
        return task

    def _new(self, kind: str, guest: Guest, user: str) -> Task:
        number, now = len(self.tasks) + 1, self.clock.now()
        stamps = f"{number + 1000:08X}:{number + 9000:08X}:{int(now.timestamp()):08X}"
        task = Task(
            upid=f"UPID:{guest.node}:{stamps}:{kind}:{guest.vmid}:{user}:",
            kind=kind,
            node=guest.node,
            number=number,
            vmid=guest.vmid,
            user=user,
            started_at=now,
        )
        self.tasks.append(task)
        return task

    def _end(self, task: Task, exit_text: str) -> None:
        task.exit, task.ended_at = exit_text, self.clock.now()
        task.log.append(f"TASK {'OK' if exit_text == 'OK' else f'ERROR: {exit_text}'}")

    def come_up(self, guest: Guest) -> None:
        """Its processes start; what was pending counts, and too little memory soon tells."""
        guest.running, guest.qmp = True, "running"
        guest.started_at = self.clock.now()
        guest.memory, guest.pending = guest.pending or guest.memory, None
        guest.run += 1
        guest.starts += 1
        self.watch_memory(guest)

    def go_down(self, guest: Guest) -> None:
        """Its processes end."""
        guest.running, guest.qmp, guest.started_at = False, "stopped", None
        guest.memory, guest.pending = guest.pending or guest.memory, None
        guest.run += 1

    def watch_memory(self, guest: Guest) -> None:
        """It is killed in a while if it still needs more than it has by then."""
        run = guest.run

        def look() -> None:
            if guest.run == run and guest.running and guest.need > guest.memory:
                guest.oom_kills += 1
                self.go_down(guest)

        if guest.need > guest.memory:
            self.later(self.pace.oom_s, look)

    def start(self, guest: Guest, user: str) -> Task:
        """A container that runs is refused at once, a machine by its task."""
        if guest.ha_state:
            return self._start_by_ha(guest, user)
        if guest.running and guest.kind == "lxc":
            raise ClusterRefusal(500, f"{guest.prefix} already running")
        task = self.begin(_STARTED[guest.kind], guest, user, lambda: self._started(guest))
        task.log.extend(guest.start_log)
        return task

    def _start_by_ha(self, guest: Guest, user: str) -> Task:
        """The task only queues the wish; the HA manager takes its turn later."""

        def turn() -> None:
            if not guest.running and guest.ha_state == "started":
                self._started(guest)

        def queue() -> str:
            guest.ha_state = "started" if guest.ha_state != "error" else "error"
            self.later(self.pace.ha_s, turn)
            return "OK"

        return self.begin("hastart", guest, user, queue)

    def _started(self, guest: Guest) -> str:
        if guest.running:
            return f"{guest.prefix} already running"
        if guest.lock:
            return _locked(guest)
        if guest.template:
            return f"you can't start a {guest.prefix.split()[0]} if it's a template"
        if guest.unstartable:
            return guest.unstartable
        self.come_up(guest)
        return "OK"

    def resume(self, guest: Guest, user: str) -> Task:
        """Machines only."""
        if not guest.running:
            raise ClusterRefusal(500, f"{guest.prefix} not running")

        def work() -> str:
            if guest.lock:
                return _locked(guest)
            guest.qmp = "running"
            return "OK"

        return self.begin("qmresume", guest, user, work)

    def reboot(self, guest: Guest, user: str) -> Task:
        """Shut down and start; what is pending counts from then on."""
        if not guest.running:
            raise ClusterRefusal(500, f"VM {guest.vmid} not running")
        if guest.paused:
            raise ClusterRefusal(500, "VM is paused - cannot shutdown")

        def work() -> str:
            if guest.lock:
                return _locked(guest)
            self.go_down(guest)
            return self._started(guest)

        return self.begin("vzreboot" if guest.kind == "lxc" else "qmreboot", guest, user, work)

    def stop(self, guest: Guest, user: str, *, gently: bool) -> Task:
        """A container that is down is refused; a machine's task then does nothing."""
        if not guest.running and guest.kind == "lxc":
            raise ClusterRefusal(500, f"{guest.prefix} not running")
        if guest.ha_state:
            guest.ha_state = "stopped"
        word = "shutdown" if gently else "stop"
        kind = f"{'vz' if guest.kind == 'lxc' else 'qm'}{word}"

        def work() -> str:
            if guest.lock:
                return _locked(guest)
            self.go_down(guest)
            return "OK"

        return self.begin("hastop" if guest.ha_state else kind, guest, user, work)

    def set_memory(self, guest: Guest, memory: int, digest: str = "") -> None:
        """At once for a container or a machine that is down, else at the next start."""
        if digest and digest != self.digest(guest):
            text = "detected modified configuration - file changed by other user? Try again."
            raise ClusterRefusal(500, text)
        if guest.lock:
            raise ClusterRefusal(500, _locked(guest))
        guest.edits += 1
        if guest.kind == "vm" and guest.running:
            guest.pending = memory if memory != guest.memory else None
        else:
            guest.memory = memory

    def digest(self, guest: Guest) -> str:
        """Changes with every edit of the configuration."""
        return f"{guest.vmid:08x}{guest.edits:032x}"


def _locked(guest: Guest) -> str:
    return f"{guest.prefix.split()[0]} is locked ({guest.lock})"
