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
    with pytest.raises(NoAnswer, match="probes"):
        final.read(json.dumps(GOOD), model="m")


@pytest.mark.parametrize(
    "words", ["{}", "```json\n{}\n```", "Here you are: {} I hope that helps.", "\n\n{}"]
)
def test_an_object_is_found_in_what_was_written(words: str) -> None:
    """Local models wrap it; more than one object is none."""
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
        (json.dumps({**GOOD, "sudo": True}), "sudo"),
        (json.dumps(GOOD) + json.dumps(GOOD), "JSON"),
    ],
)
def test_everything_else_is_no_answer(words: str, complaint: str) -> None:
    """The complaint names the fields, and repeats nothing that was written."""
    with pytest.raises(NoAnswer) as caught:
        Shape(QUESTION).read(words, model="m")

    assert str(caught.value) == f"its answer does not fit: {complaint}"
