"""The ledger's episodes for a process beside the service. Not here: the ledger itself.

Reading opens the file read-only for as long as one page takes, so that the service never waits.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from domain.errors import Transient
from domain.incident import Episode

FILE = "nightshift.db"
PAGE = 1000
_PAGE = "SELECT id, body FROM episodes WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?"


class EpisodeRows(Protocol):
    """Where a ledger's episodes are read."""

    def after(self, row: int) -> Iterator[tuple[int, Episode]]:
        """Row number and episode, row numbers above `row`, oldest first. Raises Transient."""


def open_episodes(place: Path | str, *, tenant: str) -> EpisodeRows:
    """The episodes of the store there; nothing is opened before they are read."""
    if "://" not in str(place):
        return EpisodeFile(Path(place), tenant=tenant)
    from memory.episodes_postgres import EpisodeServer

    return EpisodeServer(str(place), tenant=tenant)


class EpisodeFile:
    """The episodes in the store of one data directory; there may be no store yet."""

    def __init__(self, folder: Path, *, tenant: str) -> None:
        self.path = folder / FILE
        self._tenant = tenant

    def after(self, row: int) -> Iterator[tuple[int, Episode]]:
        """Row number and episode, row numbers above `row`, oldest first. Raises Transient."""
        while page := self._page(row):
            yield from page
            row = page[-1][0]

    def _page(self, row: int) -> list[tuple[int, Episode]]:
        if not self.path.exists():
            return []
        address = f"{self.path.absolute().as_uri()}?mode=ro"
        try:
            with closing(sqlite3.connect(address, uri=True)) as store:
                rows = store.execute(_PAGE, (self._tenant, row, PAGE)).fetchall()
            return [(number, Episode.model_validate_json(body)) for number, body in rows]
        except (sqlite3.Error, ValidationError) as error:
            raise Transient(f"the store {str(self.path)!r} cannot be read: {error}") from error
