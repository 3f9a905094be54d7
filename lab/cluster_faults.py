"""What can befall a cluster's guests and nodes. Not here: how it is cured (cluster_verbs.py)."""

from collections.abc import Callable

from lab.cluster_parts import PERSON, ClusterFault, Guest, Node
from lab.cluster_verbs import Machinery


class ClusterFaults:
    """One method a fault; each acts at once. What a person does leaves a person's task behind."""

    def __init__(self, machinery: Machinery) -> None:
        self._machinery = machinery

    def show(self, guest: Guest, fault: ClusterFault, *, for_s: float) -> None:
        """Let the fault begin. Raises KeyError for a fault of nodes."""
        faults: dict[ClusterFault, Callable[[Guest], object]] = {
            "stopped": self._machinery.go_down,
            "oom": self._oom,
            "memory_full": self._fill_memory,
            "paused": self._pause,
            "paused_by_person": self._paused_by_person,
            "stopped_by_person": self._stopped_by_person,
            "locked": lambda guest: self._back_up(guest, for_s),
            "backup_stop": lambda guest: self._back_up(guest, for_s, stop=True),
            "ha_stopped": self._ha_stopped,
            "ha_error": self._ha_error,
            "unstartable": self._unstartable,
        }
        faults[fault](guest)

    def node_offline(self, node: Node) -> None:
        """It loses its power, and all guests on it with it."""
        node.online = False
        for guest in self._machinery.guests.values():
            if guest.node == node.name and guest.running:
                self._machinery.go_down(guest)

    def node_back(self, node: Node) -> None:
        """It boots; guests that are set to start on boot do."""
        node.online, node.booted_at = True, self._machinery.clock.now()
        for guest in self._machinery.guests.values():
            if guest.node == node.name and guest.onboot and not guest.lock:
                self._machinery.come_up(guest)

    def _oom(self, guest: Guest) -> None:
        """It needs half as much again as it has: full at once, killed soon, at each start."""
        guest.need = guest.memory * 3 // 2
        self._machinery.watch_memory(guest)

    def _fill_memory(self, guest: Guest) -> None:
        """It needs as much, but only processes inside are killed: it runs on, full."""
        guest.need = guest.memory * 3 // 2

    def _pause(self, guest: Guest) -> None:
        guest.qmp = "paused"

    def _paused_by_person(self, guest: Guest) -> None:
        self._pause(guest)
        self._machinery.ended("qmpause", guest, PERSON)

    def _stopped_by_person(self, guest: Guest) -> None:
        self._machinery.go_down(guest)
        if guest.ha_state:
            guest.ha_state = "stopped"
        kind = "vzshutdown" if guest.kind == "lxc" else "qmshutdown"
        self._machinery.ended("hastop" if guest.ha_state else kind, guest, PERSON)

    def _back_up(self, guest: Guest, for_s: float, *, stop: bool = False) -> None:
        """A backup holds its lock; in stop mode the guest is down until it is over."""
        guest.lock = "backup"
        if stop:
            self._machinery.go_down(guest)

        def finish() -> str:
            guest.lock = ""
            if stop and not guest.running:
                self._machinery.come_up(guest)
            return "OK"

        self._machinery.begin("vzdump", guest, PERSON, finish, takes_s=for_s)

    def _ha_stopped(self, guest: Guest) -> None:
        """It is down although the HA manager should keep it up."""
        guest.ha_state = "started"
        self._machinery.go_down(guest)

    def _ha_error(self, guest: Guest) -> None:
        """The HA manager has given it up."""
        guest.ha_state = "error"
        self._machinery.go_down(guest)

    def _unstartable(self, guest: Guest) -> None:
        """It is down, and every start fails."""
        self._machinery.go_down(guest)
        guest.unstartable = (
            f"startup for container '{guest.vmid}' failed"
            if guest.kind == "lxc"
            else "start failed: QEMU exited with code 1"
        )
