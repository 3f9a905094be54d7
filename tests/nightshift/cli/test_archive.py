"""`nightshift backup` and `nightshift restore`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Run = Callable[..., Result]


def test_there_and_back(run: Run, seeded: dict[str, str], tmp_path: Path) -> None:
    """What is asked of the copy is answered as before."""
    made = run("backup", str(tmp_path / "copy.tar.gz"))
    back = run("restore", str(tmp_path / "copy.tar.gz"), "--data-dir", str(tmp_path / "new"))
    questions = (("incidents", "list"), ("memory", "stats"), ("memory", "search", "web down"))
    old = [run(*one, "--json").stdout for one in questions]
    new = [run(*one, "--json", "--data-dir", str(tmp_path / "new")).stdout for one in questions]

    assert (made.exit_code, back.exit_code) == (0, 0)
    assert "2 incidents, 1 remembered" in made.stdout
    assert "NIGHTSHIFT_TOKEN" in back.stdout
    assert new == old


def test_programs_get_the_manifest(run: Run, seeded: dict[str, str], tmp_path: Path) -> None:
    """The same at backup and at restore."""
    made = run("backup", str(tmp_path / "copy.tar.gz"), "--json").stdout
    there = ("--data-dir", str(tmp_path / "new"))
    back = run("restore", str(tmp_path / "copy.tar.gz"), *there, "--json").stdout

    assert json.loads(back)["manifest"] == json.loads(made)
    assert json.loads(made)["counts"]["incidents"] == 2
    assert len(json.loads(made)["members"]["nightshift.db"]["sha256"]) == 64


def test_a_full_directory_is_refused(run: Run, seeded: dict[str, str], tmp_path: Path) -> None:
    """Exit code 3 and what to do."""
    run("backup", str(tmp_path / "copy.tar.gz"))
    refused = run("restore", str(tmp_path / "copy.tar.gz"))

    assert refused.exit_code == 3
    assert "--data-dir" in refused.stderr


def test_help_shows_how(run: Run) -> None:
    """Each with an example."""
    assert "nightshift backup /" in run("backup", "--help").stdout
    assert "nightshift restore nightshift.tar.gz" in run("restore", "--help").stdout


def test_a_servers_database_is_its_own_tools_business(
    run: Run, seeded: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither is done, whatever the data directory holds, and the sentence names pg_dump."""
    run("backup", str(tmp_path / "copy.tar.gz"))
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    made = run("backup", str(tmp_path / "other.tar.gz"))
    back = run("restore", str(tmp_path / "copy.tar.gz"), "--data-dir", str(tmp_path / "new"))

    assert [one.exit_code for one in (made, back)] == [3, 3]
    assert all("pg_dump" in one.stderr for one in (made, back))
    assert not (tmp_path / "new").exists()
