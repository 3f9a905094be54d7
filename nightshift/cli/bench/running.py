"""How every bench is run: with a status line on stderr, torn down at Ctrl-C and SIGTERM."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import typer
from rich.console import Console

from nightshift.cli.printing import fail

BROKEN, OUT_OF_REACH, TERMINATED = 1, 4, 143
T = TypeVar("T")
Tell = Callable[[str], None]


def run(measure: Callable[[Tell], Awaitable[T]], *, beginning: str) -> T:
    """What `measure` comes to; it tells how far it is."""
    try:
        return asyncio.run(_run(measure, beginning))
    except asyncio.CancelledError:
        raise typer.Exit(TERMINATED) from None


def verdict(broken: Sequence[str]) -> None:
    """Say which bounds were not kept. Raises Exit(1) where there are any."""
    for one in broken:
        fail(f"broken: {one}")
    if broken:
        raise typer.Exit(BROKEN)


async def _run(measure: Callable[[Tell], Awaitable[T]], beginning: str) -> T:
    from lab.processes import stoppable

    # a stand-in whose client was killed says so for each line that it still sends
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    with Console(stderr=True, highlight=False).status(beginning) as status:
        return await stoppable(measure(status.update))
