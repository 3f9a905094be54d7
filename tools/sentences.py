"""Sentences over a situation, by Jinja in a sandbox. Not here: escaping, which each channel does.

What is filled in may come from alerts and logs and is trusted with nothing: it is never itself
read as a template, keeps no line breaks or control characters and is cut.
"""

import unicodedata
from collections.abc import Collection, Mapping
from typing import Any

from jinja2 import ChainableUndefined, StrictUndefined, Template, TemplateError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from domain.plain import Plain
from tools.vocabulary import EXAMPLE, KINDS, is_field, unknown

VALUE_LIMIT = 300
SENTENCE_LIMIT = 1000
FAILURES = (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What filters and operators raise when a value is not of the type that they were written for."""


class BadSentence(ValueError):
    """The text is no template; `line` counts from 1 within it."""

    def __init__(self, message: str, *, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


class Sentence:
    """A compiled sentence."""

    def __init__(self, template: Template, *, otherwise: str) -> None:
        self._template = template
        self._otherwise = otherwise

    def say(self, situation: Mapping[str, Plain]) -> str:
        """Fill in what was observed; `otherwise` when a value makes that impossible."""
        try:
            text = self._template.render(situation)
        except FAILURES:
            text = self._otherwise
        return " ".join(text.split())[:SENTENCE_LIMIT]


class Sentences:
    """Compiles sentences; filters `span` (seconds) and `filesizeformat` (bytes) make units.

    `own` are the kinds of the operator's tools; nobody knows their fields before they are read.
    """

    def __init__(self, own: Collection[str] = ()) -> None:
        self._own = frozenset(own)
        self._lenient = _environment(ChainableUndefined)
        self._strict = _environment(StrictUndefined)

    def compile(self, text: str, *, otherwise: str) -> Sentence:
        """Read a sentence and try it over the example situation.

        Raises BadSentence: bad syntax, an unknown kind, field or filter, or a failing expression.
        """
        try:
            tree = self._strict.parse(text)
            _check_fields(tree)
            self._try(text, meta.find_undeclared_variables(tree))
        except BadSentence:
            raise
        except FAILURES as error:
            line = getattr(error, "lineno", None) or 1
            raise BadSentence(f"not a template: {error}", line=line) from None
        return Sentence(self._lenient.from_string(text), otherwise=otherwise)

    def _try(self, text: str, names: set[str]) -> None:
        template = self._strict.from_string(text)
        for name in sorted(names - KINDS - self._own):
            raise BadSentence(unknown(name, self._own))
        if not names & self._own:
            template.render(EXAMPLE)


class _Sandbox(ImmutableSandboxedEnvironment):
    def getattr(self, obj: Any, attribute: str) -> Any:
        """Read keys of maps before methods: `dependencies.items` is a list of ours."""
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)


def _environment(undefined: type[Any]) -> _Sandbox:
    sandbox = _Sandbox(undefined=undefined, autoescape=False, finalize=folded)
    sandbox.filters["span"] = span
    return sandbox


def folded(value: object) -> str:
    """One line of at most 300 characters, without control, format or unassigned characters."""
    cut = str(value)[: VALUE_LIMIT * 4]
    seen = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in cut)
    line = " ".join(seen.split())
    return line if len(line) <= VALUE_LIMIT else line[: VALUE_LIMIT - 1] + "…"


def span(seconds: float) -> str:
    """Seconds as people say them: `42 s`, `7 min`, `3 h`, `2 days`."""
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{round(seconds / size)} {unit}"
    return f"{round(seconds)} s"


def _check_fields(tree: nodes.Template) -> None:
    for member in tree.find_all(nodes.Getattr):
        kind = getattr(member.node, "name", "")
        if kind in KINDS and not is_field(kind, member.attr):
            message = f"evidence kind {kind!r} has no field {member.attr!r}"
            raise BadSentence(message, line=member.lineno)
