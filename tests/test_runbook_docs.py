"""What docs/ says of runbooks and evidence, held against the code."""

import json
import re
from pathlib import Path

import pytest

from domain.evidence import Situation
from domain.remedy import LADDER
from tools.frontmatter import FrontMatter
from tools.runbooks import load, validate
from tools.vocabulary import EXAMPLE, KINDS

DOCS = Path(__file__).parents[1] / "docs"
EVIDENCE = (DOCS / "evidence.md").read_text(encoding="utf-8")
RUNBOOKS = (DOCS / "runbooks.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def section(kind: str) -> str:
    """What docs/evidence.md says of one kind."""
    return EVIDENCE.split(f"\n## {kind}\n", 1)[1].split("\n## ", 1)[0]


def put(folder: Path, *pages: str) -> Path:
    """A folder with these runbooks."""
    for number, page in enumerate(pages):
        (folder / f"{number}.md").write_text(page, encoding="utf-8")
    return folder


STUCK: Situation = {
    "container": {
        **EXAMPLE["container"],
        "name": "shop-queue-1",
        "service": "queue",
        "status": "running",
        "health": "unhealthy",
        "up_s": 7300.0,
        "missing_networks": [],
    },
    "dependencies": {"items": [], "down": [], "unwell": [], "all_well": True},
}


def test_the_examples_can_be_used(tmp_path: Path) -> None:
    """Every runbook in the guide passes all checks."""
    assert validate(put(tmp_path, *blocks(RUNBOOKS, "markdown"))) == []


def test_the_first_example_does_what_the_guide_says(tmp_path: Path) -> None:
    """It goes before the shipped runbook for hung services, with a cause of its own."""
    match = load(put(tmp_path, blocks(RUNBOOKS, "markdown")[0])).match(STUCK)

    assert match
    assert (match.runbook, match.cause) == ("queue-stuck", "queue_stuck")
    assert match.summary == "shop-queue-1 hangs after 2 h; everything it needs is well."


def test_without_it_the_shipped_one_fits() -> None:
    """The guide's example is the more specific of two that hold."""
    match = load().match(STUCK)

    assert match
    assert match.runbook == "hung"


@pytest.mark.parametrize("expression", blocks(RUNBOOKS, "cel")[0].splitlines())
def test_the_expressions_are_conditions(tmp_path: Path, expression: str) -> None:
    """Each line of the guide's list of expressions can stand in a runbook."""
    page = blocks(RUNBOOKS, "markdown")[1].replace('"false"', f"'{expression}'")

    assert validate(put(tmp_path, page)) == []


def test_every_key_is_explained() -> None:
    """The guide's table has the keys of the front matter and no others."""
    rows = re.findall(r"^\| `(\w+)` \|", RUNBOOKS, flags=re.MULTILINE)

    assert rows == list(FrontMatter.model_fields)


def test_every_remedy_is_named() -> None:
    """The guide names the whole ladder."""
    assert [name for name in LADDER if f"`{name}`" not in RUNBOOKS] == []


def test_the_list_of_shipped_runbooks_is_theirs() -> None:
    """Priorities, ids, titles and remedies in the guide are those of the files."""
    rows = RUNBOOKS[RUNBOOKS.index("| priority | id |") :].strip().splitlines()[2:]
    shipped = [
        f"| {book.front.priority} | {book.front.id}: {book.front.title} "
        f"| {', '.join(f'`{name}`' for name in book.front.remedies) or 'none'} |"
        for book in load().runbooks
    ]

    assert rows == shipped


def test_every_kind_is_described() -> None:
    """docs/evidence.md has a section for each kind that conditions can read."""
    titles = set(re.findall(r"^## (\w+)$", EVIDENCE, flags=re.MULTILINE))

    assert titles == KINDS


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_field_is_described(kind: str) -> None:
    """The table of a kind has its fields and no others."""
    cells = re.findall(r"^\| (`.*?`) \|", section(kind), flags=re.MULTILINE)
    fields = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]

    assert sorted(fields) == sorted(EXAMPLE[kind])


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_example_is_the_one_that_runbooks_are_tried_over(kind: str) -> None:
    """The JSON shown for a kind is the example of the code."""
    (shown,) = blocks(section(kind), "json")

    assert json.loads(shown) == EXAMPLE[kind]
