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

STORMS = (
    "CREATE TABLE latches (tenant TEXT NOT NULL, target_key TEXT NOT NULL, "
    "incident TEXT NOT NULL REFERENCES incidents (id), reason TEXT NOT NULL, "
    "at BIGINT NOT NULL, seen_at BIGINT NOT NULL, told_at BIGINT NOT NULL, "
    "cycles INTEGER NOT NULL, lifted_at BIGINT, PRIMARY KEY (tenant, target_key))",
    "CREATE TABLE digests (id TEXT NOT NULL PRIMARY KEY, tenant TEXT NOT NULL, "
    "channel TEXT NOT NULL, opened_at BIGINT NOT NULL, grown_at BIGINT NOT NULL, "
    "rang_at BIGINT, version INTEGER NOT NULL, delivered INTEGER NOT NULL, "
    "loud_at BIGINT, external_id TEXT, not_before BIGINT)",
    "CREATE INDEX digests_of_channel ON digests (tenant, channel, grown_at)",
)


def _model_calls(connection: Connection) -> None:
    """What the model costs is on record."""
    for statement in MODEL_CALLS:
        connection.exec_driver_sql(statement)


def _calls(connection: Connection) -> None:
    """That a call goes out is on record before it does."""
    number = "BIGINT" if connection.dialect.name == "postgresql" else "INTEGER"
    connection.exec_driver_sql(
        "CREATE TABLE calls (key TEXT NOT NULL PRIMARY KEY REFERENCES intents (key), "
        f"seq {number} NOT NULL REFERENCES journal (seq))"
    )
    _append_only(connection, "calls")


def _storms(connection: Connection) -> None:
    """Targets that are latched, and messages that stand for many incidents."""
    for statement in STORMS:
        connection.exec_driver_sql(statement)


def _deliveries(connection: Connection) -> None:
    """What is accepted is one row until it is sorted."""
    serial = "BIGSERIAL" if connection.dialect.name == "postgresql" else "INTEGER"
    connection.exec_driver_sql(
        f"CREATE TABLE deliveries (number {serial} NOT NULL PRIMARY KEY, tenant TEXT NOT NULL, "
        "received_at BIGINT NOT NULL, size INTEGER NOT NULL, alerts TEXT NOT NULL, "
        "set_aside TEXT DEFAULT '' NOT NULL)"
    )


STEPS: list[Step] = [_model_calls, _calls, _storms, _deliveries]
"""`STEPS[n]` leads from version n + 1 to n + 2; a new database starts at the newest version."""
APPEND_ONLY = ("journal", "intents", "calls", "results")


def newest() -> int:
    """The schema version this program writes."""
    return len(STEPS) + 1


def version(connection: Connection) -> int:
    """The schema version of this database; 0 when it is empty."""
    if not inspect(connection).has_table(tables.schema_version.name):
        return 0
    return connection.scalar(select(func.max(tables.schema_version.c.version))) or 0


def bring_up(connection: Connection, store: str, *, now: datetime, owner: bool) -> None:
    """The owner migrates; others need a schema of their own version. Raises BadConfiguration.

    `store` names it for people.
    """
    if owner:
        migrate(connection, now=now)
    elif (found := version(connection)) != newest():
        raise BadConfiguration(
            f"{store} has schema version {found}, this program needs {newest()}: "
            "start the service of the same version as this program once"
        )


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
        _append_only(connection, table)


def _append_only(connection: Connection, table: str) -> None:
    if connection.dialect.name == "postgresql":
        from memory.schema_postgres import only_grows

        only_grows(connection, table)
        return
    for verb in ("UPDATE", "DELETE"):
        connection.exec_driver_sql(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} BEGIN "
            f"SELECT RAISE(ABORT, 'the {table} table is append-only'); END"
        )
