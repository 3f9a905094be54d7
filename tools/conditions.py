"""Conditions over a situation in the Common Expression Language, by cel-python.

A condition is text until `Conditions.compile` has read it once. What was not observed never
raises: it makes a condition not hold. Not here: what can be told from the text alone
(condition_text.py), runbooks, or what follows from a condition.
"""

import json
import logging
import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import celpy
from celpy import celtypes
from celpy.adapter import json_to_cel
from celpy.celparser import CELParseError
from celpy.evaluation import CELEvalError, CELSyntaxError

from domain.plain import JsonValue, Plain
from tools.condition_text import BadCondition, Node, Path, checked, conjuncts, read_by
from tools.vocabulary import EXAMPLE, KINDS

FAILURES = (
    CELEvalError,
    CELSyntaxError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What an evaluation raises: cel-python's own two, and what slips through it on odd input."""
_NOTHING = object()
DATA_DEPENDENT = (IndexError, ZeroDivisionError)
"""Failures over the example that say nothing about other situations."""


KEPT_ANSWERS = 256
"""Answers kept of one term: states and exit codes are few, log lines are not."""


@dataclass(frozen=True, kw_only=True)
class Term:
    """A part of a condition that is true or false by itself.

    `reads` are the kinds, or single fields of kinds, that it looks at: for the same values there it
    has the same answer, which `known` keeps, for an evaluation costs about a millisecond.
    """

    text: str
    program: celpy.Runner
    reads: tuple[Path, ...]
    known: dict[tuple[str, ...], bool] = field(default_factory=dict)


class Observed:
    """A situation, and the same in CEL values."""

    def __init__(self, situation: Mapping[str, Plain], kinds: Collection[str]) -> None:
        self.values = celled(situation, kinds)
        self._situation = situation
        self._said: dict[Path, str] = {}

    def answer(self, term: Term) -> bool:
        """Whether the term is true; it is evaluated once for what it reads."""
        said = tuple(self._at(path) for path in term.reads)
        if said not in term.known:
            if len(term.known) >= KEPT_ANSWERS:
                term.known.clear()
            term.known[said] = self._evaluate(term.program)
        return term.known[said]

    def _at(self, path: Path) -> str:
        """What stands there, in JSON; nothing where nothing was observed."""
        if path not in self._said:
            kind, *below = path
            found: Any = self._situation.get(kind) if kind in self.values else None
            for name in below:
                found = found[name] if isinstance(found, dict) and name in found else _NOTHING
            self._said[path] = "" if found is _NOTHING else json.dumps(found, sort_keys=True)
        return self._said[path]

    def _evaluate(self, program: celpy.Runner) -> bool:
        try:
            result = program.evaluate(cast(Any, self.values))
        except FAILURES:
            return False
        return isinstance(result, celtypes.BoolType) and bool(result)


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A compiled condition; `kinds` are the evidence kinds it reads.

    It is kept as the terms joined by `&&` on its top level: they are asked in the order written,
    and the first that does not hold ends it, where cel-python would evaluate both sides.
    """

    text: str
    kinds: frozenset[str]
    terms: tuple[Term, ...]

    def holds(self, observed: Observed) -> bool:
        """Whether it is true; what was not observed, or is of another type, does not hold."""
        return all(observed.answer(term) for term in self.terms)


class Conditions:
    """Compiles conditions. Opening it costs about 0.1 s for the grammar, once a process.

    `own` are the kinds of the operator's tools; nobody knows their fields before they are read.
    """

    def __init__(self, own: Collection[str] = ()) -> None:
        self._own = frozenset(own)
        logging.getLogger("celpy").setLevel(logging.CRITICAL)  # it would log untrusted values
        self._environment = celpy.Environment()
        self._terms: dict[str, Term] = {}
        self._example = celled(EXAMPLE, KINDS, trial=True)

    def compile(self, text: str) -> Condition:
        """Read a condition and try it over the example situation.

        Raises BadCondition: bad syntax, an unknown kind, field or function, or terms that are
        not true or false.
        """
        tree = self._parse(text)
        kinds = checked(tree, self._own)
        terms = tuple(self._shared(term, text) for term in conjuncts(tree))
        return Condition(text=text, kinds=kinds, terms=terms)

    def _parse(self, text: str) -> Node:
        try:
            return cast(Node, self._environment.compile(text))
        except CELParseError as error:
            line, column = max(error.line or 1, 1), max(error.column or 1, 1)
            raise BadCondition(
                f"not a CEL expression, near column {column}", line=line, column=column
            ) from None

    def _shared(self, tree: Node, text: str) -> Term:
        """One term for one text, however many runbooks ask it."""
        source = text[tree.meta.start_pos : tree.meta.end_pos]
        if source not in self._terms:
            self._terms[source] = self._term(tree, source)
        return self._terms[source]

    def _term(self, tree: Node, source: str) -> Term:
        where = tree.meta
        program = self._environment.program(tree, functions=_COMPARISONS)
        term = Term(text=source, program=program, reads=read_by(tree))
        if self._own & {kind for kind, *_ in term.reads}:
            return term
        try:
            result = program.evaluate(cast(Any, self._example))
        except FAILURES as error:
            complaint = _complaint(error)
        else:
            sound = isinstance(result, celtypes.BoolType)
            complaint = "" if sound else "it is neither true nor false"
        if complaint:
            said = f"`{source}`: {complaint}"
            raise BadCondition(said, line=where.line, column=where.column)
        return term


def _complaint(error: Exception) -> str:
    """What a failure over the example says of the term; nothing where only the data did it."""
    if len(error.args) > 1 and error.args[1] in DATA_DEPENDENT:
        return ""
    said = str(error.args[0] if error.args else error)
    if "overload" in said:
        return "its values are of types that do not go together"
    return f"it fails over an example: {said}"


def celled(
    situation: Mapping[str, Plain], kinds: Collection[str], *, trial: bool = False
) -> dict[str, Any]:
    """These kinds of a situation as CEL values; a kind that CEL cannot hold is left out.

    In a `trial`, an empty map answers every key: its keys cannot be known in advance.
    """
    values: dict[str, Any] = {}
    for kind in situation.keys() & set(kinds):
        try:
            values[kind] = _cel(situation[kind], trial)
        except ValueError:  # an integer beyond 64 bits
            continue
    return values


class _AnyKey(celtypes.MapType):
    def __getitem__(self, key: Any) -> Any:
        return celtypes.StringType("x")

    def __contains__(self, key: object) -> bool:
        return True


def _cel(value: JsonValue | Plain, trial: bool) -> Any:
    if isinstance(value, dict):
        if trial and not value:
            return _AnyKey()
        pairs = {celtypes.StringType(key): _cel(item, trial) for key, item in value.items()}
        return celtypes.MapType(pairs)
    if isinstance(value, list):
        return celtypes.ListType([_cel(item, trial) for item in value])
    return json_to_cel(value)


def _comparison(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    """CEL's own rule, which cel-python lacks: whole and fractional numbers compare by value."""

    def compared(left: Any, right: Any) -> Any:
        for side in (left, right):
            if isinstance(side, CELEvalError):
                return side
        if isinstance(left, celtypes.IntType) and isinstance(right, celtypes.DoubleType):
            left = celtypes.DoubleType(left)
        return celtypes.BoolType(bool(compare(left, right)))

    return compared


_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "_<_": _comparison(operator.lt),
    "_<=_": _comparison(operator.le),
    "_>_": _comparison(operator.gt),
    "_>=_": _comparison(operator.ge),
    "_==_": _comparison(operator.eq),
    "_!=_": _comparison(operator.ne),
}
