"""memory/patience.py: what is silent for too long is given up; who only listens is not."""

import psycopg
import pytest

from memory.patience import AsyncImpatient, Impatient


def test_a_silent_server_is_given_up(postgres_server: str) -> None:
    """The connection is cut, so that no pool hands it out again."""
    with Impatient.connect(postgres_server, autocommit=True) as connection:
        connection.patience_s = 0.3
        with pytest.raises(psycopg.OperationalError, match="no answer within"):
            connection.execute("SELECT pg_sleep(5)")

        assert connection.closed


async def test_so_it_is_on_the_event_loop(postgres_server: str) -> None:
    """The checkpoints' and Procrastinate's connections too."""
    connection = await AsyncImpatient.connect(postgres_server, autocommit=True)
    connection.patience_s = 0.3
    with pytest.raises(psycopg.OperationalError, match="no answer within"):
        await connection.execute("SELECT pg_sleep(5)")

    assert connection.closed


async def test_who_listens_may_wait(postgres_server: str) -> None:
    """Nothing was asked: silence is what there is to hear."""
    async with await AsyncImpatient.connect(postgres_server, autocommit=True) as connection:
        connection.patience_s = 0.2
        await connection.execute("LISTEN quiet")
        heard = [one async for one in connection.notifies(timeout=0.6)]

        assert (heard, connection.closed) == ([], False)
