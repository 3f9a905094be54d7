"""Conditions over a situation in the Common Expression Language, by cel-python.

A condition is text until `Conditions.compile` has read it once. What was not observed never
raises: it makes a condition not hold. Not here: runbooks, or what follows from a condition.
"""

import json
import logging
import operator
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import celpy
from celpy import celtypes
from celpy.adapter import json_to_cel
from celpy.celparser import CELParseError
from celpy.evaluation import CELEvalError, CELSyntaxError, base_functions
from lark import Token, Tree

from domain.plain import JsonValue, Plain
from tools.vocabulary import EXAMPLE, KINDS, is_field, unknown

Node = Tree[Token]
MACROS = frozenset({"all", "exists", "exists_one", "filter", "map"})
FUNCTIONS = MACROS | {"has", "dyn"} | {name for name in base_functions if name.isidentifier()}
TYPES = frozenset({"bool", "bytes", "double", "int", "list", "map", "string", "type", "uint"})
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


class BadCondition(ValueError):
    """The text is no condition; `line` and `column` count from 1 within it."""

    def __init__(self, message: str, *, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


KEPT_ANSWERS = 256
"""Answers kept of one term: states and exit codes are few, log lines are not."""
Path = tuple[str, ...]


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
        try:
            _check_calls(tree)
            names = _known(_names(tree), self._own)
            _check_fields(tree)
        except RecursionError:
            raise BadCondition("it is nested too deeply") from None
        terms = tuple(self._shared(term, text) for term in _conjuncts(tree))
        return Condition(text=text, kinds=names, terms=terms)

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
        reads = tuple(sorted({tuple(map(str, path)) for path in _reads(tree, frozenset())}))
        term = Term(text=source, program=program, reads=reads)
        if self._own & {kind for kind, *_ in reads}:
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


def _conjuncts(tree: Node) -> list[Node]:
    """The terms that `&&` joins on the top level, from left to right."""
    while tree.data in ("expr", "conditionalor") and len(tree.children) == 1:
        tree = cast(Node, tree.children[0])
    if tree.data != "conditionaland":
        return [tree]
    *left, last = (cast(Node, child) for child in tree.children)
    return [term for child in left for term in _conjuncts(child)] + [last]


def _names(tree: Node) -> Iterator[Token]:
    """The free names of an expression."""
    return (path[0] for path in _reads(tree, frozenset()))


def _reads(tree: Node, bound: frozenset[str]) -> Iterator[tuple[Token, ...]]:
    """Each free name, with the field that is asked of it, if one is.

    A macro's variable is bound in its arguments.
    """
    if tree.data == "member_dot":
        owner, asked = _inner(cast(Node, tree.children[0])), cast(Token, tree.children[1])
        if owner.data in ("ident", "dot_ident"):
            yield from ((*path, asked) for path in _reads(owner, bound))
            return
    if tree.data in ("ident", "dot_ident"):
        name = cast(Token, tree.children[0])
        if name not in bound and name not in TYPES:
            yield (name,)
        return
    if tree.data == "member_dot_arg" and str(tree.children[1]) in MACROS:
        yield from _reads(cast(Node, tree.children[0]), bound)
        tree, bound = cast(Node, tree.children[2]), bound | {_variable(tree)}
    for child in tree.children:
        if isinstance(child, Tree):
            yield from _reads(child, bound)


def _inner(tree: Node) -> Node:
    """The node below those that only hold one other."""
    while len(tree.children) == 1 and isinstance(tree.children[0], Tree):
        tree = tree.children[0]
    return tree


def _variable(macro: Node) -> str:
    """The name that a macro's first argument gives to each element."""
    place = cast(Token, macro.children[1])
    names = [str(node.children[0]) for node in _argument(macro).find_data("ident")]
    if len(names) != 1 or names[0] in KINDS:
        raise _at(place, f"the first argument of {str(place)!r} must be a new name")
    return names[0]


def _argument(macro: Node) -> Node:
    return cast(Node, cast(Node, macro.children[2]).children[0])


def _known(names: Iterator[Token], own: frozenset[str]) -> frozenset[str]:
    found = list(names)
    for name in found:
        if name not in KINDS and name not in own:
            raise _at(name, unknown(str(name), own))
    return frozenset(str(name) for name in found)


def _check_calls(tree: Node) -> None:
    """Complain about unknown functions, and macros without a variable and an expression."""
    for call in tree.find_pred(lambda node: node.data in _CALLS):
        place = _CALLS[str(call.data)]
        word, arguments = cast(Token, call.children[place]), call.children[place + 1 :]
        given = len(cast(Node, arguments[0]).children) if arguments else 0
        if word not in FUNCTIONS:
            raise _at(word, f"unknown function {str(word)!r}")
        if given != _ARGUMENTS.get(str(word), given):
            raise _at(word, f"{str(word)!r} takes {_ARGUMENTS[str(word)]} argument(s)")


_CALLS = {"ident_arg": 0, "dot_ident_arg": 0, "member_dot_arg": 1}
_ARGUMENTS = {"has": 1, "dyn": 1, **dict.fromkeys(MACROS, 2)}


def _check_fields(tree: Node) -> None:
    """Complain about `container.state`; deeper members are tried over the example."""
    for member in tree.find_data("member_dot"):
        owner, asked = _inner(cast(Node, member.children[0])), cast(Token, member.children[1])
        kind = str(owner.children[0])
        known = kind not in KINDS or is_field(kind, str(asked))
        if owner.data in ("ident", "dot_ident") and not known:
            raise _at(asked, f"evidence kind {kind!r} has no field {str(asked)!r}")


def _at(token: Token, message: str) -> BadCondition:
    return BadCondition(message, line=token.line or 1, column=token.column or 1)


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
