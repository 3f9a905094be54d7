import psycopg
import pytest

from lab import postgres as own
from lab.processes import NotReady


def test_a_server_lives_as_long_as_its_block() -> None:
    """It answers within, with what was asked of it, and nobody does afterwards."""
    if own.binaries() is None:
        pytest.skip(own.MISSING)
    with own.postgres(["fsync=off"]) as address, psycopg.connect(address) as connection:
        said = connection.execute("SHOW fsync").fetchone()

    assert said == ("off",)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(address, connect_timeout=2)


def test_a_missing_server_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for one is told which package has it."""
    monkeypatch.setattr(own, "binaries", lambda: None)

    with pytest.raises(NotReady, match="Debian: postgresql"), own.postgres():
        pass
