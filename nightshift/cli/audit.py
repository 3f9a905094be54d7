"""`nightshift audit …`. Not here: what makes the trail whole (nightshift/audit.py)."""

import asyncio
import re
from typing import TYPE_CHECKING, Annotated

import typer

from nightshift.cli.ledger import opened, settings_for
from nightshift.cli.printing import AsJson, DataDir, as_json, fail, page, words

if TYPE_CHECKING:
    from nightshift.audit import Finding

BROKEN = 1

app = typer.Typer(
    no_args_is_help=True,
    help="The trail of every decision, call and answer.",
    epilog="Examples: nightshift audit verify | nightshift audit verify --head 9f2c41…",
)


@app.callback()
def audit() -> None:
    """The trail of every decision, call and answer."""


@app.command()
def verify(
    head: Annotated[
        str, typer.Option(help="A head you kept: from a daily message, the log or the metric.")
    ] = "",
    json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Find a changed byte, a removed line or a cut end; exit code 1 when there is one.

    The trail is compared with itself, with the heads in the data directory's audit-heads.log and,
    with --head, with the one you kept.
    """
    kept = head.strip().lower()
    if kept and not re.fullmatch("[0-9a-f]{64}", kept):
        raise typer.BadParameter("a head is 64 hexadecimal digits", param_hint="--head")
    found = asyncio.run(_verify(data_dir, kept))
    if json:
        as_json(found.plain())
    elif found.ok:
        against = (
            f"agrees with {found.anchors} heads noted outside"
            if found.anchors
            else ("no head was noted outside the database yet")
        )
        page(words(f"whole: {found.lines} lines, {against}"), words(f"head {found.head}"))
    else:
        fail(f"the audit trail is broken at line {found.broken}: {found.why}")
    raise typer.Exit(0 if found.ok else BROKEN)


async def _verify(data_dir: str | None, head: str) -> "Finding":
    from nightshift import audit
    from nightshift.anchors import read_anchors

    folder = settings_for(data_dir).nightshift_data_dir
    anchors = await asyncio.to_thread(read_anchors, folder)
    async with opened(data_dir) as store:
        return await audit.verify(store, anchors, head)
