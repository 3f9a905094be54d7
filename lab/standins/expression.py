"""A parser for the part of the query language that alert rules are made of.

What it does not know it refuses with Prometheus' own kind of error. Not here: evaluation.
"""

import re
from dataclasses import dataclass

from lab.standins.history import Matcher
from tools.promql import Token, Unreadable, seconds, tokens

_LEVELS = (
    ("or",),
    ("and", "unless"),
    ("==", "!=", "<=", ">=", "<", ">"),
    ("+", "-"),
    ("*", "/", "%"),
    ("^",),
)
COMPARISONS = frozenset(_LEVELS[2])
SETS = frozenset({"and", "or", "unless"})
AGGREGATIONS = frozenset({"sum", "count", "min", "max", "avg", "group"})
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}


class BadQuery(ValueError):
    """The query cannot be parsed or evaluated; the text is what Prometheus would answer."""


@dataclass(frozen=True)
class Number:
    """A scalar literal."""

    value: float


@dataclass(frozen=True)
class Series:
    """A vector selector, or a range selector where `range_s` is set."""

    matchers: tuple[Matcher, ...]
    range_s: float | None = None
    offset_s: float = 0.0


@dataclass(frozen=True)
class Call:
    """A function and its arguments."""

    name: str
    arguments: "tuple[Node, ...]"


@dataclass(frozen=True)
class Aggregation:
    """`sum by (labels) (inner)`; with `without` the labels are those left out."""

    name: str
    inner: "Node"
    labels: tuple[str, ...] = ()
    without: bool = False


@dataclass(frozen=True)
class Binary:
    """Two operands; `on` or `ignoring` narrow the labels that must agree."""

    operator: str
    left: "Node"
    right: "Node"
    as_bool: bool = False
    on: tuple[str, ...] | None = None
    ignoring: tuple[str, ...] = ()


@dataclass(frozen=True)
class Words:
    """A string literal, which only functions take."""

    text: str


Node = Number | Words | Series | Call | Aggregation | Binary


def parse(query: str) -> Node:
    """The tree of an expression. Raises BadQuery with Prometheus' wording."""
    try:
        parser = _Parser(tokens(query), len(query))
        tree = parser.binary(0)
        parser.end()
    except Unreadable as error:
        raise BadQuery(f'invalid parameter "query": 1:1: parse error: {error}') from None
    return tree


class _Parser:
    """Recursive descent over the tokens; one method a rule of the grammar."""

    def __init__(self, words: list[Token], length: int) -> None:
        self._words = words
        self._next = 0
        self._length = length
        if not words:
            raise self.error("no expression found in input")

    def error(self, text: str) -> BadQuery:
        at = self._words[self._next].at if self._next < len(self._words) else self._length
        return BadQuery(f'invalid parameter "query": 1:{at + 1}: parse error: {text}')

    def end(self) -> None:
        if self._next < len(self._words):
            raise self.error(f"unexpected {self._peek()!r}")

    def binary(self, level: int) -> Node:
        """Operators of this precedence and above, all left-associative but `^`."""
        if level == len(_LEVELS):
            return self._unary()
        left = self.binary(level + 1)
        while (operator := self._peek().lower()) in _LEVELS[level]:
            self._take()
            as_bool = self._skip("bool")
            on, ignoring = self._matching()
            right = self.binary(level if operator == "^" else level + 1)
            left = Binary(operator, left, right, as_bool, on, ignoring)
        return left

    def _peek(self) -> str:
        return self._words[self._next].text if self._next < len(self._words) else ""

    def _take(self) -> Token:
        if self._next >= len(self._words):
            raise self.error("unexpected end of input")
        self._next += 1
        return self._words[self._next - 1]

    def _skip(self, word: str) -> bool:
        if self._peek().lower() != word:
            return False
        self._next += 1
        return True

    def _expect(self, word: str) -> None:
        if not self._skip(word):
            raise self.error(f"unexpected {self._peek() or 'end of input'!r}, expected {word!r}")

    def _matching(self) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
        on = self._names() if self._skip("on") else None
        ignoring = self._names() if on is None and self._skip("ignoring") else ()
        if self._peek().lower() in {"group_left", "group_right"}:
            raise self.error("many-to-one matching is not part of this stand-in")
        return on, ignoring

    def _names(self) -> tuple[str, ...]:
        self._expect("(")
        names: list[str] = []
        while not self._skip(")"):
            names.append(self._take().text)
            self._skip(",")
        return tuple(names)

    def _unary(self) -> Node:
        if self._skip("-"):
            return Binary("*", Number(-1.0), self.binary(len(_LEVELS) - 1))
        self._skip("+")
        return self._operand()

    def _operand(self) -> Node:
        word = self._take()
        if word.text == "(":
            inner = self.binary(0)
            self._expect(")")
            return self._no_subquery(inner)
        if word.kind in {"number", "duration"}:
            return Number(_number(word))
        if word.kind == "string":
            return Words(self._text(word.text))
        if word.text == "{":
            return self._series(())
        if word.kind == "name":
            return self._named(word.text)
        self._next -= 1
        raise self.error(f"unexpected {word.text!r}")

    def _named(self, name: str) -> Node:
        lowered = name.lower()
        if lowered in {"inf", "nan"}:
            return Number(float(lowered))
        if lowered in AGGREGATIONS and self._peek().lower() in {"(", "by", "without"}:
            return self._aggregation(lowered)
        if self._skip("("):
            return self._no_subquery(Call(name, self._arguments()))
        named: tuple[Matcher, ...] = (("__name__", "=", name),)
        return self._series(named) if self._skip("{") else self._reach(named)

    def _arguments(self) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self._skip(")"):
            found.append(self.binary(0))
            if self._peek() != ")":
                self._expect(",")
        return tuple(found)

    def _aggregation(self, name: str) -> Node:
        grouped = self._grouping()
        self._expect("(")
        inner = self.binary(0)
        self._expect(")")
        labels, without = grouped or self._grouping() or ((), False)
        return Aggregation(name, inner, labels, without)

    def _grouping(self) -> tuple[tuple[str, ...], bool] | None:
        if self._skip("by"):
            return self._names(), False
        return (self._names(), True) if self._skip("without") else None

    def _series(self, matchers: tuple[Matcher, ...]) -> Node:
        """The matchers inside braces; the opening one is taken."""
        while not self._skip("}"):
            if not self._peek():
                raise self.error("unexpected end of input inside braces")
            label, operator, value = self._take().text, self._take().text, self._take()
            if operator not in {"=", "!=", "=~", "!~"} or value.kind != "string":
                raise self.error(f"unexpected {operator!r} in label matching")
            matchers += ((label, operator, self._text(value.text)),)
            self._skip(",")
        return self._reach(matchers)

    def _reach(self, matchers: tuple[Matcher, ...]) -> Node:
        range_s, offset_s = None, 0.0
        if self._peek().startswith("["):
            range_s = seconds(self._take().text[1:-1].strip())
        if self._skip("offset"):
            offset_s = (-1 if self._skip("-") else 1) * seconds(self._take().text)
        return Series(matchers, range_s, offset_s)

    def _no_subquery(self, node: Node) -> Node:
        if self._peek().startswith("[") or self._peek() == "@":
            raise self.error("subqueries are not part of this stand-in")
        return node

    def _text(self, literal: str) -> str:
        if literal.startswith("`"):
            return literal[1:-1]
        unknown = set(re.findall(r"\\(.)", literal)) - set(_ESCAPES)
        if unknown:
            raise self.error(f"unknown escape sequence {min(unknown)!r}")
        return re.sub(r"\\(.)", lambda found: _ESCAPES[found[1]], literal[1:-1])


def _number(word: Token) -> float:
    if word.kind == "duration":
        return seconds(word.text)
    return float(int(word.text, 16)) if word.text[:2].lower() == "0x" else float(word.text)
