import pytest

from tools.frontmatter import Reader, Unusable, split

GOOD = """---
id: queue-stuck
title: The queue is stuck
when: |
  container.status == "running" &&
  container.health == "unhealthy"
cause: queue_stuck
needs: [container]
remedies: [restart]
priority: 410
summary: "{{ container.name }} is stuck."
advice: Look at the queue.
---
Prose.
"""


@pytest.fixture(scope="module")
def reader() -> Reader:
    """One reader for all tests here: opening its compilers takes a while."""
    return Reader()


def complaints(reader: Reader, text: str) -> list[tuple[int, str]]:
    """What is wrong with a text that cannot be used."""
    with pytest.raises(Unusable) as caught:
        reader.read(text, path="x.md")
    return list(caught.value.complaints)


def test_a_good_one(reader: Reader) -> None:
    """Front matter, prose and what the condition reads are kept."""
    book = reader.read(GOOD, path="x.md")

    assert book.front.remedies == ["restart"]
    assert book.condition.kinds == {"container"}
    assert (book.body, book.path, book.line_of_id) == ("Prose.", "x.md", 2)


def test_windows_line_ends(reader: Reader) -> None:
    """A file written on another system reads the same."""
    assert reader.read(GOOD.replace("\n", "\r\n"), path="x.md").body == "Prose."


WRONG: dict[str, tuple[str, str, int, str]] = {
    "no front matter": ("---\nid", "id", 1, "no front matter"),
    "no end": ("---\nProse.", "Prose.", 1, "has no end"),
    "no yaml": ("id: queue-stuck", "id: [", 4, "not YAML"),
    "no mapping": (GOOD[4 : GOOD.rindex("---")], "- a list\n", 2, "keys with values"),
    "given twice": ("cause: queue_stuck", "title: Again", 7, "'title' is given twice"),
    "unknown key": ("title:", "heading: x\ntitle:", 3, "unknown key 'heading'"),
    "missing key": ("cause: queue_stuck\n", "", 1, "key 'cause' is missing"),
    "not text": ("title: The queue is stuck", "title: 3", 3, "3 is not text"),
    "bad id": ("id: queue-stuck", "id: Queue Stuck", 2, "pattern"),
    "bad number": ("priority: 410", "priority: high", 10, "integer"),
    "not CEL": ('health == "unhealthy"', "health ==", 6, "not a CEL expression"),
    "unknown kind read": ("container.health", "kontainer.health", 6, "unknown evidence kind"),
    "unknown kind needed": ("[container]", "[kontainer]", 8, "unknown evidence kind"),
    "not read": ("[container]", "\n  - container\n  - probe", 10, "'probe' is not read"),
    "unknown remedy": ("[restart]", "[restart, reboot]", 9, "unknown remedy 'reboot'"),
    "not a sentence": ("container.name }}", "container.name", 11, "summary: not a template"),
    "unknown field said": ("Look at", "Look at {{ logs.lats }}", 12, "no field 'lats'"),
}


@pytest.mark.parametrize(("old", "new", "line", "word"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_and_where(reader: Reader, old: str, new: str, line: int, word: str) -> None:
    """Each mistake is told with the line on which it stands."""
    found = complaints(reader, GOOD.replace(old, new, 1))

    assert found[0][0] == line
    assert word in found[0][1]


def test_remedies_without_a_condition(reader: Reader) -> None:
    """A runbook that would act on anything is refused in so many words."""
    text = GOOD[: GOOD.index("when")] + GOOD[GOOD.index("cause") :]

    assert complaints(reader, text) == [
        (1, "key 'when' is missing: without a condition nothing may be done")
    ]


@pytest.mark.parametrize(
    ("when", "needs"),
    [
        ("logs.repeated", "logs"),
        ('alert.name == "X"', "alert"),
        ('logs.no_space && alert.status == "firing"', "logs, alert"),
        ("container.exists && logs.repeated", "logs"),
        ("true", ""),
    ],
)
def test_hearsay_authorises_nothing(reader: Reader, when: str, needs: str) -> None:
    """What outsiders can write, log lines and alert labels, is no proof for a remedy."""
    text = GOOD.replace("[container]", f"[{needs}]")
    head, tail = text.split("when: |", 1)
    text = f"{head}when: '{when}'\n{tail[tail.index('cause') :]}"

    assert "needs proof from beyond the alert and the logs" in complaints(reader, text)[0][1]


def test_hearsay_may_call_a_person(reader: Reader) -> None:
    """A runbook without remedies may go by the log alone."""
    text = GOOD.replace("[container]", "[logs]").replace("[restart]", "[]")
    head, tail = text.split("when: |", 1)

    assert reader.read(f"{head}when: logs.no_space\n{tail[tail.index('cause') :]}", path="x.md")


def test_all_at_once(reader: Reader) -> None:
    """Everything wrong in a file is told in one go."""
    text = GOOD.replace("container.health", "container.helth").replace("the queue.", "{{ x.y }}")

    assert [line for line, _ in complaints(reader, text)] == [6, 12]


@pytest.mark.parametrize(("style", "line"), [("|", 6), (">", 5), ("", 4)])
def test_the_line_of_an_error_in_a_condition(reader: Reader, style: str, line: int) -> None:
    """Exact in a literal block; where YAML joins lines, the line on which the text begins."""
    text = GOOD.replace("when: |", f"when: {style}").replace("container.health", "container.helth")
    if not style:
        text = text.replace("when: \n ", "when:")

    assert complaints(reader, text)[0][0] == line


def test_split_keeps_a_rule_in_the_prose() -> None:
    """A horizontal rule further down belongs to the body."""
    assert split("---\na: 1\n---\none\n---\ntwo") == ("a: 1", "one\n---\ntwo")
