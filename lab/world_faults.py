"""What can befall a service. Not here: how it is cured; that follows from world_life.py."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from lab.world_parts import MIB, Container, Fault
from lab.world_verbs import Verbs

FLAPS = 20


class Faults:
    """One method a fault; each acts at once. What a person does emits a person's events."""

    def __init__(self, verbs: Verbs) -> None:
        self.verbs = verbs
        self.life = verbs.life
        self.stage = verbs.stage

    async def show(self, container: Container, fault: Fault) -> None:
        """Let the fault begin."""
        immediate: dict[Fault, Callable[[Container], None]] = {
            "crash": self._crash,
            "oom": self._oom,
            "hung": self._hang,
            "bad_config": self._bad_config,
            "paused": self.verbs.pause,
            "killed": self.verbs.kill,
            "network_cut": self._network_cut,
            "leak": self._leak,
            "volume_full": self._volume_full,
            "finished": self._finish,
            "self_recovering": self._self_recovering,
            "flapping": self._flap,
            "unstartable": self._unstartable,
            "child_oom": self._child_oom,
        }
        slow: dict[Fault, Callable[[Container], Awaitable[bool]]] = {"stopped": self.verbs.stop}
        if fault in slow:
            await slow[fault](container)
        else:
            immediate[fault](container)
        await asyncio.sleep(0)

    def _crash(self, container: Container) -> None:
        text = f"ERROR {container.name}: unhandled exception in worker: KeyError: 'session_id'"
        self.stage.log(container, text, error=True)
        self.life.die(container, 1)

    def _oom(self, container: Container) -> None:
        """It needs half as much again as its limit; where it has none, it gets one."""
        container.memory_limit = container.memory_limit or 64 * MIB
        container.memswap_limit = container.memswap_limit or container.memory_limit
        container.need = container.memory_limit * 3 // 2
        self.life.oom(container)

    def _hang(self, container: Container) -> None:
        container.hung = True
        self.life.reconsider()

    def _bad_config(self, container: Container) -> None:
        container.bad_config = "invalid value for LISTEN_PORT in /etc/service.conf: 'eighty'"
        self.stage.log(container, f"FATAL {container.name}: {container.bad_config}", error=True)
        self.life.die(container, 1)

    def _network_cut(self, container: Container) -> None:
        for network in list(container.networks):
            self.verbs.disconnect(container, network)

    def _leak(self, container: Container) -> None:
        """Its usage climbs to the limit within `Pace.leak_s`, and again after each start."""
        room = (container.memory_limit or 256 * MIB) - container.need
        container.leak_rate = max(room, MIB) / self.stage.pace.leak_s
        container.leak_since = self.stage.clock.now()
        self.life.watch_leak(container)

    def _volume_full(self, container: Container) -> None:
        container.volume_free = 0.0
        text = f"ERROR {container.name}: write /data/wal: no space left on device"
        self.stage.log(container, text, error=True)
        self.life.reconsider()

    def _finish(self, container: Container) -> None:
        self.stage.log(container, f"INFO {container.name}: done")
        self.life.die(container, 0)

    def _self_recovering(self, container: Container) -> None:
        self._hang(container)
        wait = self.stage.pace.recover_s
        self.stage.after(container, wait, partial(self._recover, container))

    def _recover(self, container: Container) -> None:
        container.hung = False
        self.life.reconsider()

    def _flap(self, container: Container, left: int = FLAPS) -> None:
        """It comes and goes, restarted or not, a bounded number of times."""
        container.hung = bool(left % 2 == 0)
        self.life.reconsider()
        if left:
            wait = self.stage.pace.flap_s
            self.stage.later(wait, partial(self._flap, container, left - 1))

    def _unstartable(self, container: Container) -> None:
        """It crashes, and no start succeeds: its port is taken."""
        container.start_errors = 1_000_000
        container.start_error = (
            f"driver failed programming external connectivity on endpoint {container.name}: "
            "Bind for 0.0.0.0:8080 failed: port is already allocated"
        )
        self.life.die(container, 1)

    def _child_oom(self, container: Container) -> None:
        """One of its children is killed at the limit; the container goes on."""
        container.oom_count += 1
        container.oom_killed = True
        self.stage.emit(container, "oom")
