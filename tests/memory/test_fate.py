"""memory/fate.py: a commit is told as what it was, however the connection ended."""

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Connection, Engine, create_engine, event, insert, select, text
from sqlalchemy.exc import OperationalError

from domain.errors import Unanswered
from lab.processes import free_port
from memory import fate
from memory.fate import certain
from memory.opening import open_database
from memory.postgres import lock_writers, url_of
from memory.tables import counters
from tests.postgres import commit_unheard
from tests.stores import HandClock


@pytest.fixture
def engine(postgres: str) -> Iterator[Engine]:
    """The one connection that writes."""
    database = open_database(postgres, clock=HandClock(), owner=True)
    yield database.writer
    database.dispose()


def write(engine: Engine) -> None:
    """One row."""
    with certain(engine, lock_writers) as connection:
        connection.execute(insert(counters).values(name="once", value=1))


def written(engine: Engine) -> int:
    """How many there are."""
    with engine.begin() as connection:
        return len(connection.scalars(select(counters.c.name).filter_by(name="once")).all())


def test_a_lost_answer_is_found(engine: Engine) -> None:
    """Committed, and nobody heard: that is a success."""
    event.listen(engine, "commit", commit_unheard, once=True)
    write(engine)

    assert written(engine) == 1


def test_a_commit_that_never_came_is_an_error(engine: Engine, postgres: str) -> None:
    """The session was ended before: nothing is written, and so it is told."""

    def end(connection: Connection) -> None:
        number = connection.execute(text("SELECT pg_backend_pid()")).scalar()
        with psycopg.connect(postgres, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (number,))

    event.listen(engine, "commit", end, once=True)
    with pytest.raises(OperationalError):
        write(engine)

    assert written(engine) == 0


def test_a_refused_statement_is_no_question(engine: Engine) -> None:
    """An error of the transaction's own is told at once."""
    write(engine)
    with pytest.raises(Exception, match="duplicate key"):
        write(engine)


def test_nobody_there_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nobody can tell, and that is told too."""
    monkeypatch.setattr(fate, "PATIENCE_S", 0.0)
    nowhere = create_engine(url_of(f"postgresql://nobody@127.0.0.1:{free_port()}/none"))
    with pytest.raises(Unanswered, match="may have been written"):
        fate.took_place(nowhere, lock_writers, "1")
