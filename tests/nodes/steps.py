"""The words that node tests share. Not here: fixtures (conftest.py)."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from langgraph.runtime import Runtime

from domain.deps import Deps
from domain.incident import Attempt
from domain.state import IncidentState
from nightshift.testing import StillClock
from nodes.heal import heal
from nodes.verify import verify

Node = Callable[[IncidentState, Runtime[Deps]], Awaitable[IncidentState]]
Run = Callable[..., Awaitable[IncidentState]]
Begin = Callable[..., Awaitable[IncidentState]]
Words = Callable[..., Awaitable[list[str]]]


async def verified(state: IncidentState, runtime: Runtime[Deps]) -> IncidentState:
    """The node `verify`, woken up as often as it asks for, to its last word."""
    return await _woken(verify, state, runtime)


async def healed(state: IncidentState, runtime: Runtime[Deps]) -> IncidentState:
    """The node `heal`, in the same way."""
    return await _woken(heal, state, runtime)


async def _woken(node: Node, state: IncidentState, runtime: Runtime[Deps]) -> IncidentState:
    while True:
        news: Any = await node(state, runtime)
        state = {**state, **news}
        if not state.get("wake_at"):
            return state
        clock = runtime.context.clock
        assert isinstance(clock, StillClock)
        left = datetime.fromisoformat(str(state["wake_at"])) - clock.now()
        clock.advance(left.total_seconds())


def last_attempt(state: IncidentState) -> Attempt:
    """The newest attempt."""
    return Attempt.parse(state["attempts"][-1])
