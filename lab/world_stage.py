"""The stage of the simulated world: its clock, timers, containers and event stream.

Not here: what containers do (world_life.py).
"""

import asyncio
from collections.abc import Callable, Coroutine

from domain.ports import Clock
from lab.world_parts import Container, Fault, Happening, LogLine, Pace

LOG_LINES = 500


class Stage:
    """What everything in a world shares. Timers need a running event loop."""

    def __init__(self, clock: Clock, pace: Pace) -> None:
        self.clock = clock
        self.pace = pace
        self.containers: dict[str, Container] = {}
        self.broken: dict[str, Fault] = {}
        self.events: list[Happening] = []
        self.listeners: list[asyncio.Queue[Happening]] = []
        self._timers: set[asyncio.Task[None]] = set()
        self._last_ns = 0

    def emit(self, container: Container, action: str, **attributes: str) -> None:
        """Tell everybody of a container's event."""
        known = {**container.spec.all_labels(), "image": container.spec.image}
        known["name"] = container.name
        now = self._tick()
        self._tell(
            Happening(
                kind="container",
                action=action,
                actor=container.id,
                attributes={**known, **attributes},
                time_ns=now,
            )
        )

    def emit_network(self, container: Container, action: str, network: str) -> None:
        """Tell everybody that a container joined or left a network."""
        attributes = {"container": container.id, "name": network, "type": "bridge"}
        now = self._tick()
        self._tell(
            Happening(
                kind="network", action=action, actor=network, attributes=attributes, time_ns=now
            )
        )

    def _tick(self) -> int:
        """Nanoseconds since the epoch; no two events share a microsecond."""
        now = int(self.clock.now().timestamp() * 1_000_000) * 1000
        self._last_ns = max(now, self._last_ns + 1000)
        return self._last_ns

    def _tell(self, event: Happening) -> None:
        self.events.append(event)
        for listener in self.listeners:
            listener.put_nowait(event)

    def log(self, container: Container, text: str, *, error: bool = False) -> None:
        """Add a line to its log."""
        line = LogLine(at=self.clock.now(), stream=2 if error else 1, text=text)
        container.logs.append(line)
        del container.logs[:-LOG_LINES]

    def after(self, container: Container, seconds: float, then: Callable[[], None]) -> None:
        """Do it later, unless this process of the container has ended by then."""
        run = container.run
        self.later(seconds, lambda: then() if container.run == run else None)

    def later(self, seconds: float, then: Callable[[], None]) -> None:
        """Do it later, whatever happens until then."""

        async def wait() -> None:
            await self.clock.sleep(seconds)
            then()

        self._spawn(wait())

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._timers.add(task)
        task.add_done_callback(self._timers.discard)

    def close(self) -> None:
        """End all timers."""
        for task in self._timers:
            task.cancel()
