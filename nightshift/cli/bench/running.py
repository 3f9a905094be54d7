"""How every bench is run: with a status line on stderr, torn down at Ctrl-C and SIGTERM."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import typer
from rich.console import Console

OUT_OF_REACH, TERMINATED = 4, 143
T = TypeVar("T")
Tell = Callable[[str], None]


def run(measure: Callable[[Tell], Awaitable[T]], *, beginning: str) -> T:
    """What `measure` comes to; it tells how far it is."""
    try:
        return asyncio.run(_run(measure, beginning))
    except asyncio.CancelledError:
        raise typer.Exit(TERMINATED) from None


async def _run(measure: Callable[[Tell], Awaitable[T]], beginning: str) -> T:
    from lab.processes import stoppable

    # a stand-in whose client was killed says so for each line that it still sends
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    with Console(stderr=True, highlight=False).status(beginning) as status:
        return await stoppable(measure(status.update))
