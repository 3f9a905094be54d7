"""Whose turn an incident is, where several processes work: the fence of a whole segment.

Each time a worker takes an incident it gets the next number; what it writes later is refused once
somebody else has a newer one. Not here: taking (cluster_queue.py), or one process alone.
"""

from contextvars import ContextVar
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    MetaData,
    Sequence,
    Table,
    Text,
    select,
)

metadata = MetaData()

numbers = Sequence("turn_numbers", metadata=metadata)

turns = Table(
    "turns",
    metadata,
    Column("incident", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("worker", BigInteger),
)
"""`worker` is Procrastinate's number of the process that works on the incident."""

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
)
"""What one process of the cluster does at a time; `until` by the database's clock."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A worker's hold on an incident."""

    incident: str
    number: int


TURN: ContextVar[Turn | None] = ContextVar("TURN", default=None)
"""The turn that this task works in; everything it starts inherits it."""


def is_current(connection: Connection, turn: Turn) -> bool:
    """Whether nobody took the incident since, and its segment has not ended."""
    held = connection.scalar(select(turns.c.number).where(turns.c.incident == turn.incident))
    return held == turn.number
