from pathlib import Path

import pytest

from domain.errors import BadConfiguration
from domain.evidence import Situation
from domain.ports import Rulebook
from tools.runbooks import load, validate
from tools.vocabulary import EXAMPLE

SICK: Situation = {
    "container": {
        **EXAMPLE["container"],
        "status": "running",
        "health": "unhealthy",
        "missing_networks": [],
    }
}


def page(name: str, **changes: str) -> str:
    """A runbook for an unhealthy container."""
    keys = {
        "id": name,
        "title": "Own words",
        "when": "'container.health == \"unhealthy\"'",
        "cause": "own_cause",
        "needs": "[container]",
        "remedies": "[restart]",
        "priority": "5000",
        "summary": "'{{ container.name }} is sick.'",
        "advice": "Have a look.",
    }
    lines = "\n".join(f"{key}: {value}" for key, value in {**keys, **changes}.items())
    return f"---\n{lines}\n---\nProse.\n"


def test_it_is_the_port() -> None:
    """The adapter answers to the port that nodes ask."""
    assert isinstance(load(), Rulebook)


def test_a_match_says_all(tmp_path: Path) -> None:
    """Cause, proof, remedies, the filled-in sentences and where they stand."""
    (tmp_path / "own.md").write_text(page("own"))
    match = load(tmp_path).match(SICK)

    assert match
    assert (match.runbook, match.cause, match.needs) == ("own", "own_cause", ["container"])
    assert (match.summary, match.advice) == ("shop-web-1 is sick.", "Have a look.")
    assert (match.remedies, match.path) == (["restart"], str(tmp_path / "own.md"))


def test_a_shipped_one_is_named_by_its_place() -> None:
    """The path of a shipped runbook is the same on every machine."""
    match = load().match(SICK)

    assert match
    assert match.path == "runbooks/hung.md"


def test_the_same_id_replaces(tmp_path: Path) -> None:
    """A user's runbook stands in for the shipped one of its name, whatever its priority."""
    (tmp_path / "mine.md").write_text(page("hung", when="'false'", needs="[]", remedies="[]"))

    assert load(tmp_path).match(SICK) is None


def test_priority_decides_between_others(tmp_path: Path) -> None:
    """A user's runbook below a shipped one is asked after it."""
    (tmp_path / "mine.md").write_text(page("mine", priority="1"))
    match = load(tmp_path).match(SICK)

    assert match
    assert match.runbook == "hung"


def test_of_two_equals_the_users_wins(tmp_path: Path) -> None:
    """With the same priority, a user's runbook is asked first."""
    (tmp_path / "mine.md").write_text(page("mine", priority="400"))
    match = load(tmp_path).match(SICK)

    assert match
    assert match.runbook == "mine"


def test_needs_must_have_been_observed(tmp_path: Path) -> None:
    """A condition that holds without its proof is no match."""
    when = "'container.exists || probe.state == \"bad\"'"
    (tmp_path / "mine.md").write_text(page("mine", when=when, needs="[probe]"))
    match = load(tmp_path).match(SICK)

    assert match
    assert match.runbook == "hung"


def test_a_readme_is_no_runbook(tmp_path: Path) -> None:
    """A folder may explain itself, and hold other files."""
    (tmp_path / "README.md").write_text("Ours.")
    (tmp_path / "notes.txt").write_text("Ours.")

    assert validate(tmp_path) == []


def test_every_problem_is_told(tmp_path: Path) -> None:
    """`validate` goes through all files and names file and line of each problem."""
    (tmp_path / "a.md").write_text("Prose only.")
    (tmp_path / "b.md").write_text(page("b", remedies="[reboot]"))
    (tmp_path / "c.md").write_text(page("c", when="container.helth"))
    told = [str(problem).removeprefix(f"{tmp_path}/") for problem in validate(tmp_path)]

    assert [one.rsplit(":", maxsplit=1)[0][:6] for one in told] == ["a.md:1", "b.md:7", "c.md:4"]


def test_an_id_is_taken_once(tmp_path: Path) -> None:
    """Two files of one folder cannot both be the runbook of a name."""
    (tmp_path / "a.md").write_text(page("mine"))
    (tmp_path / "b.md").write_text(page("mine"))
    (problem,) = validate(tmp_path)

    assert (problem.file, problem.line) == (str(tmp_path / "b.md"), 2)
    assert problem.message == f"id 'mine' is taken by {tmp_path / 'a.md'}"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """A wrong path is told and never read as "no runbooks"."""
    with pytest.raises(BadConfiguration, match=r"nowhere:1: cannot be listed: No such file"):
        load(tmp_path / "nowhere")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """A file that is not UTF-8 is a problem of that file."""
    (tmp_path / "a.md").write_bytes(b"---\nid: \xff\n---\n")

    assert [str(one) for one in validate(tmp_path)] == [
        f"{tmp_path / 'a.md'}:1: cannot be read: it is not UTF-8"
    ]


def test_bad_runbooks_stop_the_start(tmp_path: Path) -> None:
    """Loading refuses, naming file, line and reason, rather than run without one of them."""
    (tmp_path / "a.md").write_text(page("a", needs="[container, logs]"))

    with pytest.raises(BadConfiguration, match=r"a\.md:6: needs: 'logs' is not read"):
        load(tmp_path)
