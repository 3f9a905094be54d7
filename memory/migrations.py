"""From one schema version to the next, in order. Not here: what the tables mean.

A step is never edited once released: a new one is added at the end.
"""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, func, insert, inspect, select

from domain.errors import BadConfiguration
from memory import tables

Step = Callable[[Connection], None]

MODEL_CALLS = (
    "CREATE TABLE model_calls (key TEXT NOT NULL PRIMARY KEY, tenant TEXT NOT NULL, "
    "incident TEXT NOT NULL REFERENCES incidents (id), at BIGINT NOT NULL, day TEXT NOT NULL, "
    "model TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, "
    "cost BIGINT NOT NULL, settled_at BIGINT)",
    "CREATE INDEX model_calls_by_day ON model_calls (tenant, day)",
    "CREATE INDEX model_calls_of_incident ON model_calls (incident)",
)


def _model_calls(connection: Connection) -> None:
    """What the model costs is on record."""
    for statement in MODEL_CALLS:
        connection.exec_driver_sql(statement)


STEPS: list[Step] = [_model_calls]
"""`STEPS[n]` leads from version n + 1 to n + 2; a new database starts at the newest version."""
APPEND_ONLY = ("journal", "intents", "results")


def newest() -> int:
    """The schema version this program writes."""
    return len(STEPS) + 1


def version(connection: Connection) -> int:
    """The schema version of this database; 0 when it is empty."""
    if not inspect(connection).has_table(tables.schema_version.name):
        return 0
    return connection.scalar(select(func.max(tables.schema_version.c.version))) or 0


def migrate(connection: Connection, *, now: datetime) -> None:
    """Bring the schema up to date, in the caller's transaction. Raises BadConfiguration."""
    found = version(connection)
    if found > newest():
        raise BadConfiguration(
            f"the store has schema version {found}, this Nightshift knows {newest()}: "
            "start the newer version again, or restore a backup from before the upgrade"
        )
    if found == 0:
        _create(connection)
        _stamp(connection, newest(), now)
        return
    for number, step in enumerate(STEPS[found - 1 :], start=found + 1):
        step(connection)
        _stamp(connection, number, now)


def _stamp(connection: Connection, number: int, now: datetime) -> None:
    connection.execute(insert(tables.schema_version).values(version=number, at=now))


def _create(connection: Connection) -> None:
    """All tables; the journal and what points into it can only grow."""
    tables.metadata.create_all(connection)
    connection.execute(insert(tables.counters).values(name="fence", value=0))
    if connection.dialect.name == "postgresql":
        from memory.schema_postgres import complete

        complete(connection, APPEND_ONLY)
        return
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            connection.exec_driver_sql(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} BEGIN "
                f"SELECT RAISE(ABORT, 'the {table} table is append-only'); END"
            )
