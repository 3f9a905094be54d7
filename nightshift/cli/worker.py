"""`nightshift worker`. Not here: what it does (nightshift/service.py)."""

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nightshift.cli.printing import DataDir

if TYPE_CHECKING:
    from nightshift.settings import Settings

EXAMPLES = "Example: DATABASE_URL=postgresql://nightshift@db/nightshift nightshift worker"


def worker(data_dir: DataDir = None) -> None:
    """Work on what `nightshift serve --no-worker` takes in, on this or any other host."""
    import uvloop

    from nightshift.affinity import stay_on_this_core
    from nightshift.heap import share_arenas
    from nightshift.logs import secrets_of, setup
    from nightshift.settings import load
    from nightshift.wiring_store import keeps_to_one_core, must_be_shared

    settings = load(nightshift_data_dir=Path(data_dir) if data_dir else None)
    must_be_shared(settings, "nightshift worker")
    setup(
        level=settings.nightshift_log_level,
        as_json=settings.nightshift_log_json,
        secrets=secrets_of(settings),
    )
    share_arenas()
    if keeps_to_one_core(settings):
        stay_on_this_core()
    uvloop.run(_work(settings))


async def _work(settings: "Settings") -> None:
    """Take jobs until SIGINT or SIGTERM, then end in order and in time."""
    from nightshift.heap import settle
    from nightshift.web.running import LEAVE_S, leave_within
    from nightshift.wiring import open_service

    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, ended.set)
    async with open_service(settings):
        settle()
        typer.echo("nightshift works", err=True)
        await ended.wait()
        leave_within(LEAVE_S)
