"""`nightshift demo`. Not here: the play (nightshift/demo/)."""

import asyncio
from typing import Annotated

import typer

EXAMPLES = "Examples: nightshift demo | nightshift demo --once | nightshift demo --docker --once"


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="End after the play; exit 0 only if it all worked.")
    ] = False,
    docker: Annotated[
        bool, typer.Option("--docker", help="With throwaway containers on the real Docker.")
    ] = False,
) -> None:
    """Break a small shop twice and watch it being healed. Needs no key, Docker or network."""
    from nightshift.demo.play import play

    if docker:
        from nightshift.demo.real import real as opening
    else:
        from nightshift.demo.simulated import simulated as opening
    try:
        good = asyncio.run(play(opening(), once=once))
    except asyncio.CancelledError:  # told to end before the play was over
        good = False
    raise typer.Exit(0 if good else 1)
