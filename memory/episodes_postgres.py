"""The episodes of a store on a server, for a person's shell. Not here: files (episodes.py)."""

from collections.abc import Iterator

import psycopg
from pydantic import ValidationError

from domain.errors import Transient
from domain.incident import Episode
from memory.patience import REACHING, Impatient

PAGE = 1000
_PAGE = "SELECT id, body FROM episodes WHERE tenant = %s AND id > %s ORDER BY id LIMIT %s"


class EpisodeServer:
    """The episodes in a PostgreSQL database; it is asked for a page at a time."""

    def __init__(self, address: str, *, tenant: str) -> None:
        self._address, self._tenant = address, tenant

    def after(self, row: int) -> Iterator[tuple[int, Episode]]:
        """Row number and episode, row numbers above `row`, oldest first. Raises Transient."""
        while page := self._page(row):
            yield from page
            row = page[-1][0]

    def _page(self, row: int) -> list[tuple[int, Episode]]:
        try:
            with Impatient.connect(self._address, **REACHING) as connection:
                rows = connection.execute(_PAGE, (self._tenant, row, PAGE)).fetchall()
            return [(number, Episode.model_validate_json(body)) for number, body in rows]
        except (psycopg.Error, ValidationError) as error:
            raise Transient(f"the store's database cannot be read: {error}") from error
