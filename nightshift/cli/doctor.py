"""`nightshift doctor`. Not here: the checks (nightshift/doctor.py)."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from nightshift.cli.ledger import settings_for
from nightshift.cli.printing import AsJson, DataDir, as_json, page, words

if TYPE_CHECKING:
    from nightshift.doctor import Finding

EXAMPLES = "Examples: nightshift doctor | nightshift doctor --send-test | nightshift doctor --json"
SendTest = Annotated[
    bool,
    typer.Option(
        "--send-test", help="Also send a test message, and a test alert through the whole chain."
    ),
]
MARKS = {
    "ok": ("ok", "green"),
    "warning": ("note", "yellow"),
    "failed": ("BAD", "red"),
    "misconfigured": ("SET", "red"),
    "unreachable": ("GONE", "red"),
}


def doctor(json: AsJson = False, send_test: SendTest = False, data_dir: DataDir = None) -> None:
    """Check everything Nightshift needs, and say how to mend what is wrong."""
    from nightshift.doctor import exit_code

    findings = asyncio.run(_found(data_dir, send_test=send_test))
    code = exit_code(findings)
    if json:
        as_json({"exit_code": code, "findings": [one.plain() for one in findings]})
    else:
        page(_paper(findings))
    raise typer.Exit(code)


async def _found(data_dir: str | None, *, send_test: bool) -> list["Finding"]:
    from nightshift import doctor_send
    from nightshift.doctor import examine

    settings = settings_for(data_dir)
    findings = await examine(settings)
    return findings + (await doctor_send.send_test(settings) if send_test else [])


def _paper(findings: list["Finding"]) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for one in findings:
        mark, style = MARKS[one.state]
        grid.add_row(Text(mark, style=style), words(one.name), words(one.detail))
        if one.mend:
            grid.add_row("", "", words(f"-> {one.mend}", style="bold"))
    return grid
