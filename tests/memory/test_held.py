"""Connections that threads keep."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from domain.errors import NotFound
from memory.database import _engine
from memory.held import Held


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty file, for two threads."""
    made = _engine(tmp_path / "one.db", begin="BEGIN", size=2, pragmas=())
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE notes (said TEXT)"))
    yield made
    made.dispose()


def notes(held: Held) -> list[str]:
    """What is written there."""
    with held.begin() as connection:
        return list(connection.scalars(text("SELECT said FROM notes")))


def write(held: Held, error: Exception | None = None) -> None:
    """One note; then the error, if there is one."""
    with held.begin() as connection:
        connection.execute(text("INSERT INTO notes VALUES ('one')"))
        if error is not None:
            raise error


def test_a_thread_keeps_its_own(engine: Engine) -> None:
    """One connection for each, however many transactions."""
    held = Held(engine)
    with ThreadPoolExecutor(1) as other:
        for _ in range(3):
            write(held)
            other.submit(write, held).result()

    assert len(notes(held)) == 6
    assert len(held.connections) == 2
    held.close()


def test_a_refusal_is_rolled_back(engine: Engine) -> None:
    """It says nothing of the connection, which stays."""
    held = Held(engine)
    write(held)
    kept = list(held.connections)
    with pytest.raises(NotFound):
        write(held, NotFound("there is no such thing"))

    assert notes(held) == ["one"]
    assert held.connections == kept
    held.close()


def test_an_error_costs_the_connection(engine: Engine) -> None:
    """Whatever is wrong with it, the next transaction has a new one."""
    held = Held(engine)
    write(held)
    kept = list(held.connections)
    with pytest.raises(OperationalError), held.begin() as connection:
        connection.execute(text("SELECT * FROM nowhere"))

    assert notes(held) == ["one"]
    assert held.connections != kept
    assert kept[0].closed
    held.close()
