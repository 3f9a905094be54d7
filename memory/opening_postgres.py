"""Opening a PostgreSQL database: reaching it, the checks, the schema. Not here: transactions."""

from sqlalchemy import Connection
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from domain.errors import BadConfiguration, Transient
from domain.ports import Clock
from memory import migrations
from memory.database import reason
from memory.postgres import PostgresDatabase, lock_writers, named, url_of
from memory.schema_postgres import raw

MIGRATING_S = 600.0
"""One step of a migration may have to rewrite a table."""


def open_postgres(place: str, *, clock: Clock, owner: bool) -> PostgresDatabase:
    """Open the database and, as its owner, make or bring up to date what is in it.

    There may be many owners. Raises BadConfiguration, Transient (it cannot be reached).
    """
    try:
        url = url_of(place)
    except (ArgumentError, ValueError):
        raise BadConfiguration(
            "DATABASE_URL cannot be read; give it as postgresql://user:password@host:5432/name"
        ) from None
    database = PostgresDatabase(url, owner=owner)
    try:
        with database.writer.begin() as connection:
            lock_writers(connection)
            raw(connection).patience_s = MIGRATING_S
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            _must_take_all_text(connection)
            migrations.bring_up(
                connection, f"the database {named(url)}", now=clock.now(), owner=owner
            )
            del raw(connection).patience_s  # from here on like any other
    except SQLAlchemyError as error:
        database.dispose()
        why = reason(error)
        raise Transient(f"the database {named(url)} cannot be used: {why}") from error
    except BadConfiguration:
        database.dispose()
        raise
    return database


def _must_take_all_text(connection: Connection) -> None:
    found = connection.exec_driver_sql("SHOW server_encoding").scalar()
    if found != "UTF8":
        raise BadConfiguration(
            f"the database has the encoding {found}: make one with ENCODING 'UTF8'"
        )
