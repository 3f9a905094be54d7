"""`nightshift backup` and `nightshift restore`. Not here: the archive (nightshift/archive.py)."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nightshift.cli.ledger import settings_for
from nightshift.cli.printing import AsJson, DataDir, as_json, page, words

if TYPE_CHECKING:
    from nightshift.manifest import Manifest
    from nightshift.restoring import Restored

BACKUP_EXAMPLES = (
    "Examples: nightshift backup /backup/nightshift-$(date +%F).tar.gz | "
    "nightshift backup --with-token --data-dir /var/lib/nightshift nightshift.tar.gz"
)
RESTORE_EXAMPLES = "Example: nightshift restore nightshift.tar.gz --data-dir /var/lib/nightshift"
FAILED = 1


def backup(
    file: Annotated[Path, typer.Argument(help="The archive to write; it must not exist.")],
    with_token: Annotated[
        bool, typer.Option("--with-token", help="Also the token that the first start made.")
    ] = False,
    json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Write database, checkpoints and what was learned into one archive, while the service works.

    Settings, runbooks of your own and (unless asked for) the token are not in it.
    """
    from nightshift.archive import back_up
    from nightshift.web.health import our_version
    from nightshift.wiring_store import place_of

    made = back_up(
        place_of(settings_for(data_dir)),
        file,
        by=our_version(),
        at=datetime.now(UTC),
        with_token=with_token,
    )
    if json:
        as_json(made.model_dump(mode="json"))
        return
    page(words(f"{file}: {_counted(made)}"))


def restore(
    file: Annotated[Path, typer.Argument(help="An archive that `nightshift backup` wrote.")],
    json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Put an archive into an empty data directory and check it; then start the service.

    Exit code 1 when the archive is damaged or its audit trail broken, 3 when the directory is not
    empty or the archive a newer Nightshift's.
    """
    from nightshift.restoring import restore as put_back

    settings = settings_for(data_dir)
    found = asyncio.run(put_back(file, settings))
    if json:
        as_json(found.model_dump(mode="json"))
    else:
        _tell(found, settings.nightshift_data_dir)
    if found.audit:
        raise typer.Exit(FAILED)


def _counted(manifest: "Manifest") -> str:
    counts = manifest.counts
    return (
        f"{counts['incidents']} incidents, {counts['episodes']} remembered, "
        f"{counts['journal_lines']} lines of audit trail, schema version {manifest.schema_version}"
    )


def _tell(found: "Restored", folder: Path) -> None:
    page(words(f"restored to {folder}: {_counted(found.manifest)}"))
    if found.later:
        page(words(f"the service fills the memory index at its start: {found.later}"))
    if found.audit:
        page(words(f"the audit trail is not whole: {found.audit}"))
    if "token" not in found.manifest.members:
        page("the token is not in it: set NIGHTSHIFT_TOKEN to what Alertmanager sends")
    page("before you start the service here, make sure that the old one does not run any more")
