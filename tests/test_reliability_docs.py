"""docs/reliability.md cannot drift: a row for every fault, tests for every row, none left out."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| (?P<cells>[^|].*) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
THREE = ("down", "slow", "lies")
DEPENDENCIES = (
    "Docker", "Prometheus", "Proxmox", "Qdrant Edge", "Qdrant server", "Telegram", "Model", "Disk",
    "SQLite", "PostgreSQL",
)  # fmt: skip
OTHERS = {("Disk", "down (full)"), ("Disk", "down (read-only)")}
CLOCK = {("Clock", "put forward 1 h"), ("Clock", "put back 1 h")}


def rows() -> list[list[str]]:
    """The table of dependencies, cell by cell, without its head."""
    text = (ROOT / "docs" / "reliability.md").read_text().partition("## Each dependency")[2]
    table = text.partition("## Decided")[0]
    return [found["cells"].split(" | ") for found in ROW.finditer(table)][1:]


@cache
def defined(path: str) -> frozenset[str]:
    """The tests that a file defines."""
    tree = ast.parse((ROOT / path).read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    names = (one.name for one in tree.body if isinstance(one, kinds))
    return frozenset(name for name in names if name.startswith("test_"))


def named() -> set[tuple[str, str]]:
    """All tests that the table names."""
    return {found for row in rows() for found in TEST.findall(row[-1])}


def test_every_fault_of_every_dependency_has_a_row() -> None:
    """Down, slow and lying; the disk in both of its ways, the clock in both directions."""
    wanted = {(name, fault) for name in DEPENDENCIES for fault in THREE} - {("Disk", "down")}

    assert {(row[0], row[1]) for row in rows()} == wanted | OTHERS | CLOCK


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row[0]}, {row[1]}")
def test_every_row_is_proved_by_tests_that_exist(row: list[str]) -> None:
    """At least one, and each of them where it is said to be."""
    found = TEST.findall(row[-1])
    missing = [f"{path}::{name}" for path, name in found if name not in defined(path)]

    assert len(row) == 6
    assert found
    assert missing == []


def test_every_test_of_faults_is_in_the_table() -> None:
    """What is proved is told."""
    files = sorted((ROOT / "tests" / "faults").glob("test_*.py"))
    all_tests = {
        (str(path.relative_to(ROOT)), name)
        for path in files
        for name in defined(str(path.relative_to(ROOT)))
    }

    assert all_tests - named() == set()
