"""`nightshift pause`, `resume`, `unlatch`: what a person stops and frees. Not here: policy."""

import asyncio
import getpass
from typing import Annotated

import typer

from nightshift.cli.ledger import opened
from nightshift.cli.printing import DataDir
from nightshift.views import unlatched

EXAMPLES = 'Examples: nightshift pause | nightshift pause "moving the rack until 15:00"'


def pause(
    reason: Annotated[
        str, typer.Argument(help="Why; it is shown wherever an action is refused.")
    ] = "",
    data_dir: DataDir = None,
) -> None:
    """Stop all actions, at once and until `nightshift resume`; alerts are still taken."""

    async def run() -> None:
        async with opened(data_dir) as store:
            await store.pause(reason, by=person())

    asyncio.run(run())
    typer.echo(f"paused: {reason}" if reason.strip() else "paused")


def resume(data_dir: DataDir = None) -> None:
    """Lift the pause."""

    async def run() -> str:
        async with opened(data_dir) as store:
            reason = await store.paused()
            await store.resume(by=person())
            return reason

    reason = asyncio.run(run())
    typer.echo(f"resumed; the pause was: {reason}" if reason else "it was not paused")


def unlatch(
    target: Annotated[str, typer.Argument(help="A container's or guest's name, or its whole key.")],
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    data_dir: DataDir = None,
) -> None:
    """Set a target free that was latched because it came and went, and look at it again now."""

    async def run() -> list[str]:
        async with opened(data_dir) as store:
            return await unlatched(store, target, by=person(), reason=reason)

    looking = asyncio.run(run())
    typer.echo(f"unlatched: {target}; looked at again as incident {', '.join(looking)}")


def person() -> str:
    """Who sits at this terminal, for the record."""
    try:
        return f"{getpass.getuser()} at the command line"
    except (KeyError, OSError):
        return "somebody at the command line"
