"""What can be done to a container through the runtime's API, refused as Docker refuses it.

Not here: HTTP (standins/docker.py), or what happens by itself (world_life.py).
"""

from lab.world_life import Life
from lab.world_parts import MIB, Container, Endpoint, Refusal
from lab.world_stage import Stage

DEFAULT_GRACE_S = 10.0
_SIGNALS = {"KILL": 9, "TERM": 15, "HUP": 1, "INT": 2, "QUIT": 3, "USR1": 10, "USR2": 12}
_DEADLY = {9, 15, 2, 3}


class Verbs:
    """The runtime's API calls on containers; each raises Refusal, or returns whether it changed."""

    def __init__(self, stage: Stage, life: Life) -> None:
        self.stage = stage
        self.life = life

    def start(self, container: Container) -> bool:
        """False (304) when it runs already, or is between two restarts."""
        if container.status == "paused":
            raise Refusal(409, "cannot start a paused container, try unpause instead")
        if container.status in {"running", "restarting"}:
            return False
        self._come_up(container)
        return True

    def _come_up(self, container: Container) -> None:
        """A start from outside: its restart policy counts from the beginning."""
        container.restart_count, container.backoff = 0, 0.0
        self.life.start(container)

    async def stop(self, container: Container, grace_s: float = DEFAULT_GRACE_S) -> bool:
        """TERM, and KILL after the grace; switches its restart policy off until it is started."""
        if container.status in {"exited", "created"}:
            return False
        if container.status == "restarting":
            container.run += 1
            container.status = "exited"
        else:
            await self._terminate(container, grace_s)
        self.stage.emit(container, "stop")
        self.life.reconsider()
        return True

    async def _terminate(self, container: Container, grace_s: float) -> None:
        self.stage.emit(container, "kill", signal="15")
        if container.status == "paused":
            container.status = "running"
            self.stage.emit(container, "unpause")
        if not container.spec.ignores_term:
            self.life.end(container, 0)
            return
        run = container.run
        await self.stage.clock.sleep(grace_s)
        if container.run == run:
            self.stage.emit(container, "kill", signal="9")
            self.life.end(container, 137)

    def kill(self, container: Container, signal: str = "KILL") -> None:
        """Send a signal; a deadly one ends it and switches its restart policy off."""
        number = int(signal) if signal.isdigit() else _SIGNALS.get(signal.removeprefix("SIG"), 9)
        if container.status == "restarting":
            container.run += 1
            container.status = "exited"
            return
        if not container.up:
            raise Refusal(
                409,
                f"Cannot kill container: {container.id}: Container {container.id} is not running",
            )
        self.stage.emit(container, "kill", signal=str(number))
        if number in _DEADLY and not (number == 15 and container.spec.ignores_term):
            self.life.end(container, 137 if number == 9 else 128 + number)
            self.life.reconsider()

    async def restart(self, container: Container, grace_s: float = DEFAULT_GRACE_S) -> None:
        """Stop and start; when the start fails, the container is left down."""
        await self.stop(container, grace_s)
        try:
            self._come_up(container)
        except Refusal as refusal:
            message = f"Cannot restart container {container.id}: {refusal.message}"
            raise Refusal(500, message) from refusal
        self.stage.emit(container, "restart")

    def pause(self, container: Container) -> None:
        """Freeze its processes."""
        if container.status == "paused":
            raise Refusal(409, f"Container {container.id} is already paused")
        if container.status == "restarting":
            text = f"Container {container.id} is restarting, wait until the container is running"
            raise Refusal(409, text)
        if container.status != "running":
            raise Refusal(409, f"Container {container.id} is not running")
        container.status = "paused"
        if container.spec.health:
            container.health = "unhealthy"
        self.stage.emit(container, "pause")
        self.life.reconsider()

    def unpause(self, container: Container) -> None:
        """Let it go on."""
        if container.status != "paused":
            raise Refusal(500, f"Container {container.id} is not paused")
        container.status = "running"
        self.stage.emit(container, "unpause")
        self.life.reconsider()

    def update(self, container: Container, memory: int, memswap: int) -> None:
        """Change the memory limits in place; 0 leaves one as it is."""
        limit = memory or container.memory_limit
        swap = memswap or container.memswap_limit
        if 0 < memory < 6 * MIB:
            raise Refusal(400, "Minimum memory limit allowed is 6MB")
        if memswap and memswap != -1 and memswap < limit:
            text = "Minimum memoryswap limit should be larger than memory limit, see usage"
            raise Refusal(400, text)
        if not memswap and 0 < swap < limit:
            text = (
                f"Cannot update container {container.id}: Memory limit should be smaller than "  # noqa: S608  # Docker's words, no SQL
                "already set memoryswap limit, update the memoryswap at the same time"
            )
            raise Refusal(409, text)
        container.memory_limit, container.memswap_limit = limit, swap
        self.stage.emit(container, "update")

    def connect(self, container: Container, network: str, aliases: list[str], ip: str) -> None:
        """Join a network; told to listeners only when there is a process to be connected."""
        mode = container.spec.network_mode
        if mode == "host" or mode.startswith("container:"):
            text = (
                "container sharing network namespace with another container or host cannot be "
                "connected to any other network"
            )
            raise Refusal(400, text)
        if network in container.networks and container.up:
            text = f"endpoint with name {container.name} already exists in network {network}"
            raise Refusal(403, text)
        container.networks[network] = Endpoint(aliases=aliases, ip=ip)
        if container.up:
            self.stage.emit_network(container, "connect", network)
        self.life.reconsider()

    def disconnect(self, container: Container, network: str) -> None:
        """Leave a network; of a running container Docker tells it twice."""
        if network not in container.networks:
            text = f"container {container.id} is not connected to network {network}"
            raise Refusal(500, text)
        del container.networks[network]
        for _ in range(2 if container.up else 1):
            self.stage.emit_network(container, "disconnect", network)
        self.life.reconsider()

    def remove(self, container: Container) -> None:
        """It is gone, as after a person's `docker rm --force`."""
        if container.up:
            self.kill(container)
        container.run += 1
        del self.stage.containers[container.id]
        self.stage.emit(container, "destroy")
        self.life.reconsider()
