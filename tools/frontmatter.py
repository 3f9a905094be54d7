"""One runbook's text, read and checked; every complaint names its line.

Not here: folders of runbooks or the question which one matches (tools/runbooks.py).
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from domain.plain import Record
from domain.remedy import LADDER, RemedyName
from tools.condition_text import BadCondition
from tools.conditions import Condition, Conditions
from tools.sentences import BadSentence, Sentence, Sentences
from tools.vocabulary import KINDS, unknown

FENCE = "---"
FIRST_LINE = 2
"""The front matter's first line in its file: line 1 is the fence."""
HEARSAY = frozenset({"alert", "logs"})
"""Kinds whose text comes from outside: they may add to a proof and never are one."""


class Problem(Record):
    """What is wrong with a runbook, and where; `line` counts from 1."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class FrontMatter(BaseModel):
    """The part of a runbook that the machine reads; docs/runbooks.md explains each key."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str = Field(min_length=1)
    when: str = Field(min_length=1)
    cause: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    needs: list[str]
    remedies: list[RemedyName]
    priority: int
    summary: str = Field(min_length=1)
    advice: str = Field(min_length=1)


@dataclass(frozen=True, kw_only=True)
class Runbook:
    """One runbook, ready to be asked; `body` is its prose, in Markdown."""

    front: FrontMatter
    body: str
    path: str
    line_of_id: int
    condition: Condition
    summary: Sentence
    advice: Sentence


class Unusable(ValueError):
    """No runbook came of a text; `complaints` are (line, message) pairs."""

    def __init__(self, *complaints: tuple[int, str]) -> None:
        super().__init__("; ".join(message for _, message in complaints))
        self.complaints = complaints


class Reader:
    """Reads runbooks; holds the two compilers, which are dear to open.

    `own` are the evidence kinds of the operator's tools, known beside ours.
    """

    def __init__(self, own: Collection[str] = ()) -> None:
        self.own = frozenset(own)
        self._conditions = Conditions(own)
        self._sentences = Sentences(own)

    def read(self, text: str, *, path: str) -> Runbook:
        """Read one file's text. Raises Unusable with everything that is wrong in it."""
        above, body = split(text)
        page = _Page(above)
        front = page.front_matter()
        complaints: list[tuple[int, str]] = []
        condition = self._condition(front, page, complaints)
        summary = self._sentence("summary", front.summary, front, page, complaints)
        advice = self._sentence("advice", front.advice, front, page, complaints)
        if condition is None or summary is None or advice is None or complaints:
            raise Unusable(*complaints)
        return Runbook(
            front=front,
            body=body,
            path=path,
            line_of_id=page.line("id"),
            condition=condition,
            summary=summary,
            advice=advice,
        )

    def _condition(
        self, front: FrontMatter, page: "_Page", complaints: list[tuple[int, str]]
    ) -> Condition | None:
        try:
            condition = self._conditions.compile(front.when)
        except BadCondition as error:
            complaints.append((page.text_line("when", error.line), f"when: {error}"))
            return None
        complaints += [
            (page.line("needs", place), message)
            for place, message in _wrong_needs(front, condition, self.own)
        ]
        return condition

    def _sentence(
        self,
        key: str,
        text: str,
        front: FrontMatter,
        page: "_Page",
        complaints: list[tuple[int, str]],
    ) -> Sentence | None:
        try:
            return self._sentences.compile(text, otherwise=front.title)
        except BadSentence as error:
            complaints.append((page.text_line(key, error.line), f"{key}: {error}"))
            return None


def split(text: str) -> tuple[str, str]:
    """The front matter and the body. Raises Unusable when the fences are not there."""
    lines = text.splitlines()
    if not lines or lines[0].rstrip() != FENCE:
        raise Unusable((1, f"no front matter: the first line must be {FENCE!r}"))
    ends = [place for place, line in enumerate(lines) if place and line.rstrip() == FENCE]
    if not ends:
        raise Unusable((1, f"the front matter has no end: a second line {FENCE!r} is missing"))
    return "\n".join(lines[1 : ends[0]]), "\n".join(lines[ends[0] + 1 :]).strip()


def _wrong_needs(
    front: FrontMatter, condition: Condition, own: frozenset[str]
) -> Iterator[tuple[int, str]]:
    for place, kind in enumerate(front.needs):
        if kind not in KINDS and kind not in own:
            yield place, f"needs: {unknown(kind, own)}"
        elif kind not in condition.kinds:
            yield place, f"needs: {kind!r} is not read by the condition, so it proves nothing"
    if front.remedies and set(front.needs) <= HEARSAY:
        yield 0, "needs: a runbook with remedies needs proof from beyond the alert and the logs"


def _list(words: frozenset[str] | tuple[str, ...]) -> str:
    return ", ".join(sorted(words) if isinstance(words, frozenset) else words)


class _Page:
    """A parsed front matter that knows on which line of the file each value stands."""

    def __init__(self, text: str) -> None:
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            self._values = None if node is None else loader.construct_document(node)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line if error.problem_mark else 0
            raise Unusable((line + FIRST_LINE, f"not YAML: {error.problem}")) from None
        except (yaml.YAMLError, ValueError) as error:
            raise Unusable((FIRST_LINE, f"not YAML: {error}")) from None
        if not isinstance(node, yaml.MappingNode):
            raise Unusable((FIRST_LINE, "the front matter must be keys with values"))
        self._pairs: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if str(key.value) in self._pairs:
                raise Unusable((_line(key), f"key {key.value!r} is given twice"))
            self._pairs[str(key.value)] = (key, value)

    def front_matter(self) -> FrontMatter:
        """The values, typed. Raises Unusable with every value that is wrong."""
        try:
            return FrontMatter.model_validate(self._values)
        except ValidationError as error:
            raise Unusable(*(self._complaint(one) for one in error.errors())) from None

    def _complaint(self, error: ErrorDetails) -> tuple[int, str]:
        key, *rest = error["loc"]
        place = rest[0] if rest and isinstance(rest[0], int) else 0
        return self.line(str(key), place), _worded(str(key), error)

    def line(self, key: str, place: int = 0) -> int:
        """The file's line of a key's value, or of its n-th item; the first line for no key."""
        if key not in self._pairs:
            return 1
        name, value = self._pairs[key]
        items = value.value if isinstance(value, yaml.SequenceNode) else []
        return _line(items[place] if place < len(items) else name)

    def text_line(self, key: str, line: int) -> int:
        """The file's line of the n-th line of a text; its first where YAML folded the lines."""
        value = self._pairs[key][1]
        style = getattr(value, "style", None)
        if style not in ("|", ">"):
            return _line(value)
        return _line(value) + (line if style == "|" else 1)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + FIRST_LINE


def _worded(key: str, error: ErrorDetails) -> str:
    kind: str = error["type"]
    value: Any = error["input"]
    if kind == "extra_forbidden":
        return f"unknown key {key!r}; there are {_list(tuple(FrontMatter.model_fields))}"
    if kind == "missing" and key == "when":
        return "key 'when' is missing: without a condition nothing may be done"
    if kind == "missing":
        return f"key {key!r} is missing"
    if kind == "literal_error":
        return f"{key}: unknown remedy {value!r}; there are {_list(LADDER)}"
    if kind == "string_type":
        return f"{key}: {value!r} is not text; put it in quotes"
    return f"{key}: {error['msg']}, not {value!r}"
