"""The only answers a model can give to one question: closed choices. Not here: what is true."""

import json
import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from domain.errors import NoAnswer
from domain.plain import Plain
from domain.reasoning import Answer, Question
from policy.asking import NO_EFFECT

NAME = "diagnosis"
_FENCED = re.compile(r"\{.*\}", re.DOTALL)


class Shape:
    """The pydantic model of the answers to one question, and its JSON Schema."""

    def __init__(self, question: Question) -> None:
        remedies = [one.name for one in question.remedies]
        remedies += [name for name in NO_EFFECT if name not in remedies]
        fields: dict[str, Any] = {
            "cause": (_one_of(question.causes), ...),
            "summary": (str, ...),
            "evidence": (_some_of([item.id for item in question.evidence]), ...),
            "remedies": (_some_of(remedies), ...),
        }
        if question.probes:
            fields["probes"] = (_some_of([one.name for one in question.probes]), ...)
        self.model: type[BaseModel] = create_model(
            NAME, __config__=ConfigDict(extra="forbid"), **fields
        )
        self.schema: Plain = _plainly(self.model.model_json_schema())

    @property
    def text(self) -> str:
        """The schema as it is sent."""
        return json.dumps(self.schema, separators=(",", ":"))

    def read(self, words: str, *, model: str) -> Answer:
        """Parse what a model wrote. Raises NoAnswer, without repeating what it wrote."""
        found = _FENCED.search(words)
        try:
            values = self.model.model_validate_json(found.group() if found else words)
        except ValidationError as error:
            wrong = {".".join(map(str, one["loc"][:1])) or "JSON" for one in error.errors()}
            raise NoAnswer(f"its answer does not fit: {', '.join(sorted(wrong)[:4])}") from None
        return Answer.model_validate({**values.model_dump(), "model": model})


def _one_of(words: list[str]) -> Any:
    """A `Literal` of words that are known at run time only."""
    literal: Any = Literal
    return literal[tuple(words)]


def _some_of(words: list[str]) -> Any:
    array: Any = list
    return array[_one_of(words)]


def _plainly(schema: Any) -> Any:
    """Without titles, which cost tokens; a choice of one is an `enum` too: all servers know it."""
    if isinstance(schema, list):
        return [_plainly(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "const" in schema:
        return {"type": "string", "enum": [schema["const"]]}
    return {key: _plainly(value) for key, value in schema.items() if not _is_title(key, value)}


def _is_title(key: str, value: Any) -> bool:
    return key == "title" and isinstance(value, str)
