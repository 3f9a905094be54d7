"""Closed choices, made for one question."""

import json

import pytest

from domain.errors import NoAnswer
from domain.reasoning import Item, Option, Question
from tools.llm_shape import Shape

QUESTION = Question(
    incident="i1",
    evidence=[Item(id="container@1", kind="container", source="docker", age_s=0, text="x")],
    remedies=[Option(name="start", line="")],
    probes=[Option(name="timeline", line="")],
    causes=["crashed", "other"],
)
GOOD = {
    "cause": "crashed",
    "summary": "It crashed.",
    "evidence": ["container@1"],
    "remedies": ["start", "escalate"],
    "probes": [],
}


def test_the_schema_is_closed_and_short() -> None:
    """Every choice is an enum of what is on offer, and nothing else is allowed."""
    schema = json.loads(Shape(QUESTION).text)

    assert schema["additionalProperties"] is False
    assert schema["properties"]["cause"]["enum"] == ["crashed", "other"]
    assert schema["properties"]["remedies"]["items"]["enum"] == ["start", "wait", "escalate"]
    assert schema["properties"]["probes"]["items"]["enum"] == ["timeline"]
    assert set(schema["required"]) == set(GOOD)
    assert "title" not in Shape(QUESTION).text


def test_without_probes_there_is_no_such_field() -> None:
    """What is not on offer cannot be asked for."""
    final = Shape(QUESTION.model_copy(update={"probes": []}))
    answer = {key: value for key, value in GOOD.items() if key != "probes"}

    assert "probes" not in final.text
    assert final.read(json.dumps(answer), model="m").probes == []
    assert final.read(json.dumps({**GOOD, "probes": ["timeline"]}), model="m").probes == []


@pytest.mark.parametrize(
    "words",
    [
        "{}",
        "```json\n{}\n```",
        "Here you are: {} I hope that helps.",
        "\n\n{}",
        '<think>Perhaps {"cause": "other"}, or {x}?</think>{}',
        "{} Note: {braces} are {'fine'}.",
        '{"diagnosis": {}}',
        "{} {}",
    ],
)
def test_an_object_is_found_in_what_was_written(words: str) -> None:
    """Local models wrap it, think before it and talk after it: the last one that fits counts."""
    answer = Shape(QUESTION).read(words.replace("{}", json.dumps(GOOD)), model="m")

    assert (answer.cause, answer.model) == ("crashed", "m")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("", "JSON"),
        ("no", "JSON"),
        ("[]", "JSON"),
        ("{", "JSON"),
        (json.dumps({**GOOD, "remedies": ["format_disk"]}), "remedies"),
        (json.dumps({**GOOD, "cause": "magic", "evidence": [7]}), "cause, evidence"),
        (json.dumps({**GOOD, "remedies": "format_disk"}), "remedies"),
        (json.dumps({**GOOD, "remedies": None}), "remedies"),
        ('{"cause": "crashed"}', "evidence, remedies"),
        ('[{"a": 1}]', "cause, evidence, remedies, summary"),
    ],
)
def test_everything_else_is_no_answer(words: str, complaint: str) -> None:
    """The complaint names the fields, and repeats nothing that was written."""
    with pytest.raises(NoAnswer) as caught:
        Shape(QUESTION).read(words, model="m")

    assert str(caught.value) == f"its answer does not fit: {complaint}"


@pytest.mark.parametrize(
    "changes",
    [
        {"confidence": 0.9},
        {"probes": None},
        {"probes": ...},
        {"summary": ...},
        {"summary": None},
        {"remedies": "start"},
        {"evidence": "container@1"},
        {"cause": "Crashed"},
    ],
)
def test_what_is_harmless_is_read_as_it_is_meant(changes: dict[str, object]) -> None:
    """Words beside the form change no choice: these stay closed."""
    said = {key: value for key, value in {**GOOD, **changes}.items() if value is not ...}
    answer = Shape(QUESTION).read(json.dumps(said), model="m")

    assert (answer.cause, answer.evidence, answer.probes) == ("crashed", ["container@1"], [])
    assert answer.remedies[0] == "start"
    assert answer.summary
