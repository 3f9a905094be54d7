"""Waiting inside a node. Not here: a wait that holds no worker (the state's `wake_at`)."""

from langgraph.errors import GraphDrained
from langgraph.runtime import Runtime

from domain.deps import Deps

SLICE_S = 1.0
"""How long a process that is to end may have to wait for a node that only waits."""


async def rest(runtime: Runtime[Deps], seconds: float) -> None:
    """Wait that long, also where the clock is set meanwhile: it is slept, not looked up.

    Raises GraphDrained when the process is to end: the node leaves no trace in the checkpoint and
    runs again from its top at the next start.
    """
    left = seconds
    while left > 0:
        if runtime.drain_requested:
            raise GraphDrained(runtime.drain_reason or "")
        await runtime.context.clock.sleep(min(SLICE_S, left))
        left -= SLICE_S
