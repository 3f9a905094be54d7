"""`nightshift worker` and `serve --no-worker`: what they refuse. They run in test_several_hosts."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from nightshift.cli import MISCONFIGURED, OUT_OF_REACH, app


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `.env` of this directory, no database of this shell."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)


@pytest.mark.parametrize("words", [["worker"], ["serve", "--no-worker", "--port", "0"]])
def test_with_sqlite_one_process_does_everything(words: list[str], tmp_path: Path) -> None:
    """Refused in a sentence that names the variable; nothing is made."""
    result = CliRunner().invoke(app, [*words, "--data-dir", str(tmp_path / "data")])

    assert result.exit_code == MISCONFIGURED
    assert "DATABASE_URL" in result.output
    assert not (tmp_path / "data").exists()


def test_a_database_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its address is told without the password, and the exit code says whose fault it is."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hunter2@127.0.0.1:1/x")
    result = CliRunner().invoke(app, ["worker", "--data-dir", str(tmp_path)])

    assert result.exit_code == OUT_OF_REACH
    assert "127.0.0.1:1" in result.output
    assert "hunter2" not in result.output
