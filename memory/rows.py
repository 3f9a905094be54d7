"""Rows as the domain's records. Not here: the queries that find them."""

from typing import Any

from sqlalchemy import Row, RowMapping

from domain.incident import Incident
from domain.store import TimelineEvent


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
