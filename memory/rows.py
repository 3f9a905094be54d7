"""Rows as the domain's records. Not here: the queries that find them."""

from collections.abc import Iterator
from typing import Any

import structlog
from sqlalchemy import CursorResult, Row, RowMapping

from domain.errors import Unreadable
from domain.incident import Incident
from domain.store import TimelineEvent

log = structlog.get_logger(__name__)


def readable(found: CursorResult[Any], what: str) -> Iterator[Row[Any]]:
    """The rows that can be read; each other one is logged and left out.

    Only where doing without is no harm: nobody may act on less than what was seen.
    """
    while True:
        try:
            row = found.fetchone()
        except Unreadable as error:
            log.error("row_left_out", of=what, error=str(error))  # noqa: TRY400  # its sentence says it all
            continue
        if row is None:
            return
        yield row


def incident_of(row: RowMapping) -> Incident:
    """A row of `incidents`; its columns were parsed on the way out."""
    return Incident.model_construct(
        id=row["id"],
        alert=row["alert"],
        occurrence=row["occurrence"],
        status=row["status"],
        outcome=row["outcome"],
        reason=row["reason"],
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        cleared_at=row["cleared_at"],
        target=row["target"],
        diagnosis=row["diagnosis"],
        attempts=row["attempts"],
        verdict=row["verdict"],
        parent=row["parent"],
        usage=row["usage"],
    )


def event_of(row: Row[*tuple[Any, ...]]) -> TimelineEvent:
    """A row of `events`."""
    return TimelineEvent.model_construct(
        seq=row.seq, kind=row.kind, at=row.at, text=row.text, data=row.data
    )
