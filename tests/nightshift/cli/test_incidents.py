"""`nightshift incidents …` beside a store."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient
from typer.testing import Result

Run = Callable[..., Result]


def test_the_list_is_the_same_for_people_and_programs(run: Run, seeded: dict[str, str]) -> None:
    """Newest first, filtered by status."""
    everything = json.loads(run("incidents", "list", "--json").stdout)["incidents"]
    done = json.loads(run("incidents", "list", "--status", "done", "--json").stdout)["incidents"]

    assert {row["id"] for row in everything} == set(seeded.values())
    assert [row["outcome"] for row in done] == ["resolved"]
    assert seeded["done"][:8] in run("incidents", "list").stdout


def test_an_incident_is_the_object_that_http_returns(
    run: Run, seeded: dict[str, str], client: TestClient, books: Any, make_incident: Any
) -> None:
    """One shape for every program, wherever it asks."""
    books.rows["a"] = make_incident("a")

    shown = json.loads(run("incidents", "show", seeded["done"], "--json").stdout)

    assert shown.keys() == client.get("/incidents/a").json().keys()
    assert (shown["id"], shown["outcome"]) == (seeded["done"], "resolved")


def test_the_page_tells_the_story_without_a_strangers_codes(
    run: Run, seeded: dict[str, str]
) -> None:
    """Control characters and markup of alerts and logs do nothing to the terminal."""
    shown = run("incidents", "show", seeded["done"][:8])

    assert shown.exit_code == 0
    assert "it [red]died[/red]" in shown.stdout
    assert "\x1b" not in shown.stdout


@pytest.mark.parametrize("word", ["approve", "deny"])
def test_an_answer_is_recorded(run: Run, seeded: dict[str, str], word: str) -> None:
    """The incident is woken by it; a second answer comes too late."""
    first = run("incidents", word, seeded["asking"], "--reason", "seen it")
    second = run("incidents", word, seeded["asking"])

    assert (first.exit_code, second.exit_code) == (0, 1)
    assert word in first.stdout
    assert "Traceback" not in second.output


@pytest.mark.parametrize("command", [["show"], ["approve"], ["deny"], ["replay"]])
def test_an_unknown_incident_is_one_sentence(
    run: Run, seeded: dict[str, str], command: list[str]
) -> None:
    """Exit code 1 and what is wrong, never a traceback."""
    shown = run("incidents", *command, "nope")

    assert shown.exit_code == 1
    assert "nope" in shown.stderr
    assert len(shown.stderr.splitlines()) == 1


def test_without_a_store_the_setting_is_named(run: Run) -> None:
    """Exit code 3 says that the configuration is wrong."""
    shown = run("incidents", "list")

    assert shown.exit_code == 3
    assert "NIGHTSHIFT_DATA_DIR" in shown.stderr


def test_a_wrong_status_is_a_usage_error(run: Run, seeded: dict[str, str]) -> None:
    """Exit code 2, and the words that are possible."""
    shown = run("incidents", "list", "--status", "closed")

    assert shown.exit_code == 2


def test_a_beginning_that_fits_several_is_refused(run: Run, seeded: dict[str, str]) -> None:
    """No answer is given to an incident that nobody named."""
    shown = run("incidents", "approve", "")

    assert (shown.exit_code, "2 incidents" in shown.stderr) == (1, True)
