"""What PostgreSQL needs beside the tables: triggers, turns, Procrastinate's schema.

Not here: the tables that both databases have (tables.py).
"""

from collections.abc import Sequence

from procrastinate import SyncPsycopgConnector
from procrastinate.schema import SchemaManager
from sqlalchemy import Connection

from memory import turns
from memory.patience import Impatient

_REFUSE = """
CREATE FUNCTION nightshift_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the %% table is append-only', TG_TABLE_NAME;
END;
$$
"""
_BY_LOCK = (
    "CREATE INDEX nightshift_jobs_by_lock ON procrastinate_jobs (lock) "
    "WHERE status IN ('todo', 'doing')"
)
"""Fetching looks for other jobs of the same lock; Procrastinate's own index begins with the id."""


def complete(connection: Connection, append_only: Sequence[str]) -> None:
    """Add all of it to tables that were just made, in the caller's transaction."""
    turns.metadata.create_all(connection)
    connection.exec_driver_sql(_REFUSE)
    for table in append_only:
        only_grows(connection, table)
    schema = SchemaManager(SyncPsycopgConnector()).get_schema()
    raw(connection).execute(schema.encode())
    connection.exec_driver_sql(_BY_LOCK)


def only_grows(connection: Connection, table: str) -> None:
    """Rows of this table can neither be changed nor removed."""
    for verb, each in (("UPDATE OR DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
        name = f"{table}_no_{verb.split(maxsplit=1)[0].lower()}"
        connection.exec_driver_sql(
            f"CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH {each} "
            "EXECUTE FUNCTION nightshift_append_only()"
        )


def raw(connection: Connection) -> Impatient:
    """Psycopg's connection below SQLAlchemy's, in the same transaction."""
    found = connection.connection.driver_connection
    assert isinstance(found, Impatient)  # noqa: S101  # the engine's driver
    return found
