"""`nightshift studio`. Not here: what is copied (nightshift/studio/copying.py)."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from nightshift.cli.incidents import Id, full_id
from nightshift.cli.ledger import opened, settings_for
from nightshift.cli.printing import AsJson, DataDir, as_json, page, words

if TYPE_CHECKING:
    from nightshift.studio.copying import Copied

EXAMPLES = "Examples: langgraph dev --no-browser & nightshift studio 4f2a"


def studio(
    incident: Id,
    url: Annotated[
        str, typer.Option(help="Where `langgraph dev` answers.")
    ] = "http://127.0.0.1:2024",
    json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Copy an incident into LangGraph Studio, to look at it and to try what would have been."""

    async def run() -> "Copied":
        from nightshift.recording import read_recording
        from nightshift.studio.copying import copy_in
        from nightshift.wiring_store import place_of

        settings = settings_for(data_dir)
        async with opened(data_dir) as store:
            found = await full_id(store, incident)
            recording = await read_recording(store, place_of(settings), found)
        return await copy_in(recording, url, settings)

    copied = asyncio.run(run())
    if json:
        as_json(copied.plain())
        return
    page(words(f"copied {copied.checkpoints} checkpoints of {copied.incident}"), words(copied.page))
