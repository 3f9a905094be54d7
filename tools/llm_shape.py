"""The only answers a model can give to one question: closed choices. Not here: what is true."""

import json
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from domain.errors import NoAnswer
from domain.plain import Plain
from domain.reasoning import Answer, Question
from policy.asking import NO_EFFECT

NAME = "diagnosis"
LISTS = ("evidence", "remedies", "probes")


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
        wrong = ["JSON"]
        for said in reversed(list(_objects(words))):
            try:
                values = self.model.model_validate(self._usual(said))
            except ValidationError as error:
                named = {".".join(map(str, one["loc"][:1])) for one in error.errors()}
                wrong = wrong if wrong != ["JSON"] else sorted(named)
            else:
                return Answer.model_validate({**values.model_dump(), "model": model})
        raise NoAnswer(f"its answer does not fit: {', '.join(wrong[:4])}")

    def _usual(self, said: dict[str, Any]) -> dict[str, Any]:
        """What models mean: without words of their own, lists as lists. No choice is widened."""
        fields = self.model.model_fields
        if len(said) == 1 and not said.keys() & fields.keys():
            (inner,) = said.values()
            said = inner if isinstance(inner, dict) else said
        kept = {key: value for key, value in said.items() if key in fields}
        for key in LISTS:
            if isinstance(kept.get(key), str):
                kept[key] = [kept[key]]
        if "probes" in fields:
            kept["probes"] = kept.get("probes") or []
        if isinstance(kept.get("cause"), str):
            kept["cause"] = kept["cause"].strip().lower()
            kept["summary"] = kept.get("summary") or f"It calls this {kept['cause']}."
        return kept


def _objects(words: str) -> Iterator[dict[str, Any]]:
    """Every JSON object in a text, in order, but none that stands within another."""
    decoder, at = json.JSONDecoder(), words.find("{")
    while at >= 0:
        try:
            found, end = decoder.raw_decode(words, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            if isinstance(found, dict):
                yield found
        at = words.find("{", end)


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
