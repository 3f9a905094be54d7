"""Riding out a server that is gone for a while: who drives an incident waits for it.

A server that is started again would else end every incident that is under way as failed. Not
here: telling what a lost commit became (fate.py); a write that failed has not taken place.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from domain.errors import Transient, Unanswered
from memory.turns import TURN

T = TypeVar("T")

log = structlog.get_logger(__name__)

PATIENCE_S = 60.0
"""Half of what a node may take; by then a worker whose queue is gone has been ended anyway."""
AGAIN_S = 0.5


async def ridden_out(call: Callable[[], Awaitable[T]], *, over: Callable[[], bool]) -> T:
    """What the call returns, tried again within a segment until `over` or out of patience.

    Raises what the call raises; at once for who has no turn, such as a delivery.
    """
    turn, end = TURN.get(), asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        try:
            return await call()
        except Unanswered:
            raise
        except Transient as error:
            if turn is None or over() or asyncio.get_running_loop().time() > end:
                raise
            log.warning("store_waited_for", incident=turn.incident, error=str(error))
        await asyncio.sleep(AGAIN_S)
