"""The real server with tripwires: at the boundary it is told, the process ends by SIGKILL.

Usage: python -m lab.crash_server FOLDER [--naive]. The product knows nothing of this: its methods
are wrapped here, before `nightshift serve` runs. The boundary to die at stands in the folder's
file `die-at`; each segment that is driven adds a line to `driven`. Not here: who decides when
(crash_lane.py), or the naive nodes (crash_naive.py).
"""

import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from functools import wraps
from pathlib import Path
from typing import Any

from langgraph.graph import END

from lab.crash_plan import CHECKPOINTS, DIE_AT, DRIVEN
from memory.store import Store
from nightshift.cli import app
from nightshift.runs import Runs
from tools.docker import DockerHosts
from tools.telegram import TelegramNotifier

Method = Callable[..., Awaitable[Any]]
Fits = Callable[..., bool]
_COMMITS = {
    "inbox": "deliver",
    "sort": "sort_next",
    "claim": "claim",
    "intent": "reserve",
    "call": "call",
    "outcome": "conclude",
    "learn": "finish",
}


class Wire:
    """Ends this process at the boundary that the file names, as `kill -9` does."""

    def __init__(self, folder: Path) -> None:
        self._order, self._driven = folder / DIE_AT, folder / DRIVEN

    def touch(self, boundary: str) -> None:
        """Die here, if this is the place."""
        if self._order.exists() and self._order.read_text() == boundary:
            os.kill(os.getpid(), signal.SIGKILL)

    def driving(self, incident: str) -> None:
        """A segment of this incident begins."""
        with self._driven.open("a") as lines:
            lines.write(f"{os.getpid()} {incident} {time.time()}\n")


def lay(wire: Wire) -> None:
    """Wires at every boundary."""
    for boundary, method in _COMMITS.items():
        _commit(wire, boundary, method)
    _commit(wire, "notify", "record", _is_outcome)
    _around(wire, "effect", DockerHosts, "perform")
    _around(wire, "message", TelegramNotifier, "deliver")
    _runs(wire)


def _is_outcome(_: object, __: object, event: Any) -> bool:
    return bool(event.kind == "outcome")


def _commit(wire: Wire, boundary: str, method: str, fits: Fits = lambda *_: True) -> None:
    """`before` lies after all statements of the transaction, just before its commit."""
    work, call = getattr(Store, f"_{method}"), getattr(Store, method)

    @wraps(work)
    def before(self: Store, connection: object, *args: object) -> object:
        result = work(self, connection, *args)
        if fits(self, *args):
            wire.touch(f"{boundary}.before")
        return result

    @wraps(call)
    async def after(self: Store, *args: object, **kwargs: object) -> object:
        result = await call(self, *args, **kwargs)
        if fits(self, *args):
            wire.touch(f"{boundary}.after")
        return result

    setattr(Store, f"_{method}", before)
    setattr(Store, method, after)


def _around(wire: Wire, boundary: str, owner: type, method: str) -> None:
    call: Method = getattr(owner, method)

    @wraps(call)
    async def wired(self: object, *args: object) -> object:
        wire.touch(f"{boundary}.before")
        result = await call(self, *args)
        wire.touch(f"{boundary}.after")
        return result

    setattr(owner, method, wired)


def _runs(wire: Wire) -> None:
    """Every checkpoint, and the moment at which an incident is taken up."""
    begin, drive = Runs.__init__, Runs.drive

    def opened(self: Runs, store: Store, deps: Any, saver: Any) -> None:
        put: Method = saver.aput

        async def aput(config: Any, checkpoint: Any, *rest: Any) -> Any:
            name = f"checkpoint {_next(checkpoint)}"
            wire.touch(f"{name}.before")
            result = await put(config, checkpoint, *rest)
            wire.touch(f"{name}.after")
            return result

        saver.aput = aput
        begin(self, store, deps, saver)

    async def driven(self: Runs, incident_id: str) -> None:
        wire.driving(incident_id)
        await drive(self, incident_id)

    setattr(Runs, "__init__", opened)  # noqa: B010  # assigned from outside, as mypy must not see
    setattr(Runs, "drive", driven)  # noqa: B010  # the same


def _next(checkpoint: Any) -> str:
    """The node that follows, or END."""
    channels = checkpoint["channel_values"]
    named = [name.rpartition(":")[2] for name in channels if name.startswith("branch:to:")]
    first = "start" if "__start__" in channels else END
    return next((name for name in named if name in CHECKPOINTS), first)


if __name__ == "__main__":
    lay(Wire(Path(sys.argv[1])))
    if "--naive" in sys.argv:
        from lab.crash_naive import without_a_journal

        without_a_journal()
    app(["serve"])
