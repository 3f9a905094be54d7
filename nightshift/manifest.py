"""What an archive says of itself: written at backup, checked at restore. Not here: the archive."""

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from domain.errors import BadConfiguration, Permanent, Transient
from domain.plain import Record
from domain.state import GRAPH_VERSION
from memory.migrations import newest

FORMAT = 1
COUNTED = {
    "incidents": "SELECT count(*) FROM incidents",
    "episodes": "SELECT count(*) FROM episodes",
    "journal_lines": "SELECT count(*) FROM journal",
}
_VERSION = "SELECT max(version) FROM schema_version"
_HEAD = "SELECT hash FROM journal ORDER BY seq DESC LIMIT 1"
_THREADS = "SELECT count(DISTINCT thread_id) FROM checkpoints"


class Member(Record):
    """A file in the archive."""

    sha256: str
    bytes: int


class Manifest(Record):
    """The first member of every archive.

    `memory` says how what was learned is kept: as the ledger's episodes, from which the index is
    filled again. `journal_head` seals the audit trail up to this backup.
    """

    format: int = FORMAT
    nightshift: str
    created_at: datetime
    schema_version: int
    graph_version: int = GRAPH_VERSION
    counts: dict[str, int]
    journal_head: str
    memory: str = "the ledger's episodes; the index is filled from them at restore"
    members: dict[str, Member]


def describe(
    store: Path, checkpoints: Path | None, *, by: str, at: datetime, members: dict[str, Member]
) -> Manifest:
    """The manifest of these copies, which nobody writes to. Raises Transient."""
    try:
        with closing(_reading(store)) as rows:
            counts = {name: _one(rows, query) for name, query in COUNTED.items()}
            version, head = _one(rows, _VERSION), rows.execute(_HEAD).fetchone()
        if checkpoints is not None:
            with closing(_reading(checkpoints)) as rows:
                counts["threads_with_checkpoints"] = _one(rows, _THREADS)
    except sqlite3.Error as error:
        raise Transient(f"the store {str(store)!r} cannot be backed up: {error}") from error
    return Manifest(
        nightshift=by,
        created_at=at,
        schema_version=version,
        counts=counts,
        journal_head=head[0] if head else "",
        members=members,
    )


def understood(text: bytes, archive: Path) -> Manifest:
    """The manifest of an archive this program can restore.

    Raises Permanent (it is none), BadConfiguration (it is a newer Nightshift's).
    """
    try:
        found = Manifest.model_validate_json(text)
    except ValidationError as error:
        said = "its manifest cannot be read"
        raise Permanent(f"{str(archive)!r} is no backup of Nightshift: {said}") from error
    if found.format > FORMAT or found.schema_version > newest():
        raise BadConfiguration(
            f"{str(archive)!r} was made by Nightshift {found.nightshift} (schema version "
            f"{found.schema_version}), this one knows {newest()}: restore it with that version"
        )
    return found


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def _one(rows: sqlite3.Connection, query: str) -> int:
    return int(rows.execute(query).fetchone()[0])
