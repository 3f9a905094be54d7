"""What a server's ledger says, read from its file while it runs.

Not here: what should stand there (storm_report.py).
"""

import sqlite3
import time
from pathlib import Path
from typing import Any

ENDS = ("done", "waiting")


def deaths(database: Path) -> int:
    """How many containers it has heard die."""
    heard = "SELECT count(DISTINCT target_key) FROM container_events WHERE action = 'die'"
    return int(_ask(database, heard)[0][0])


def left(database: Path) -> int:
    """What is unsorted, under way or due within half a minute."""
    due = "SELECT count(*) FROM jobs WHERE taken_at IS NOT NULL OR due_at <= ?"
    unsorted = "SELECT count(*) FROM deliveries"
    soon = int((time.time() + 30) * 1e6)
    return int(_ask(database, f"SELECT ({due}) + ({unsorted})", soon)[0][0])  # constants


def digests_behind(database: Path) -> int:
    """How many digests say more than people were told."""
    behind = "SELECT count(*) FROM digests WHERE version > delivered"
    return int(_ask(database, behind)[0][0])


def counted(database: Path) -> dict[str, int]:
    """Incidents, and how many of them ended, folded or were looked into."""
    marks = ", ".join(f"'{one}'" for one in ENDS)
    queries = {
        "incidents": "SELECT count(*) FROM incidents",
        "ended": f"SELECT count(*) FROM incidents WHERE status IN ({marks})",  # noqa: S608  # constants
        "folded": "SELECT count(*) FROM incidents WHERE outcome = 'folded' OR parent IS NOT NULL",
        "episodes": "SELECT count(DISTINCT episode) FROM inbox WHERE incident <> ''",
        "investigations": "SELECT count(DISTINCT i.episode) FROM events e "
        "JOIN incidents i ON i.id = e.incident WHERE e.kind = 'diagnosis'",
    }
    return {name: int(_ask(database, query)[0][0]) for name, query in queries.items()}


def _ask(database: Path, query: str, *values: object) -> list[Any]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)
    try:
        return connection.execute(query, values).fetchall()
    finally:
        connection.close()
