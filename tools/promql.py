"""Enough of the Prometheus query language to see what an expression reads and how far back.

Not here: evaluation (Prometheus does that) and the HTTP API (tools/prometheus.py).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_UNITS = {"y": 31536000.0, "w": 604800.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_UNITS["ms"] = 0.001
_DURATION = r"(?:\d+(?:ms|[ywdhms]))+(?![\w.])"
_TOKEN = re.compile(
    r"(?P<space>\s+|\#[^\n]*)"
    r"|(?P<string>\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)"
    r"|(?P<range>\[[^\[\]]*\])"
    rf"|(?P<duration>{_DURATION})"
    r"|(?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[a-zA-Z_:][\w:]*)"
    r"|(?P<op>=~|!~|==|!=|<=|>=|[-+*/%^<>=(){},@])",
    re.ASCII,
)
_PIN = re.compile(r"\w+=[\"'`]")
_LISTS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_WORDS = _LISTS | {"and", "or", "unless", "bool", "offset", "atan2", "inf", "nan"}


class Unreadable(ValueError):
    """This is not an expression of the query language, as far as can be told."""


@dataclass(frozen=True)
class Token:
    """A word of an expression: `kind` is a group of the grammar, `at` its place."""

    kind: str
    text: str
    at: int


@dataclass(frozen=True)
class Selector:
    """A vector selector without its range and offset: which series are read.

    `matchers` are as written (`job=~"a|b"`); `lookback_s` is its range plus its offset.
    """

    name: str
    matchers: tuple[str, ...]
    lookback_s: float = 0.0

    def narrowed(self, labels: Mapping[str, str]) -> str:
        """The selector, kept to series whose labels, where they have them, have these values.

        A label that the selector itself pins stays as pinned: in a join it may differ.
        """
        pinned = {matcher.partition("=")[0] for matcher in self.matchers if _PIN.match(matcher)}
        extra = (
            f"{label}=~{quote('|' + escape(value))}"
            for label, value in sorted(labels.items())
            if LABEL.fullmatch(label) and label not in pinned
        )
        return f"{self.name}{{{','.join((*self.matchers, *extra))}}}"


@dataclass(frozen=True)
class Reading:
    """What an expression reads; `range_s` is how far back in time it can see."""

    selectors: tuple[Selector, ...]
    range_s: float


def quote(value: str) -> str:
    """A string literal that means exactly `value`, whatever is in it."""
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r")):
        value = value.replace(plain, escaped)
    return f'"{value}"'


def escape(value: str) -> str:
    """A regular expression (RE2) that matches exactly `value`."""
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", value)


def seconds(duration: str) -> float:
    """A duration (`1h30m`, or plain seconds) in seconds. Raises Unreadable."""
    if re.fullmatch(r"\d+(?:\.\d+)?", duration):
        return float(duration)
    if not re.fullmatch(_DURATION, duration):
        raise Unreadable(f"{duration!r} is not a duration")
    parts = re.findall(r"(\d+)(ms|[ywdhms])", duration)
    return sum(float(count) * _UNITS[unit] for count, unit in parts)


def tokens(expression: str) -> list[Token]:
    """The words of an expression, without space and comments. Raises Unreadable."""
    found: list[Token] = []
    at = 0
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None:
            raise Unreadable(f"unexpected character {expression[at]!r} at {at}")
        if match.lastgroup != "space":
            found.append(Token(match.lastgroup or "", match.group(), at))
        at = match.end()
    return found


def read(expression: str) -> Reading:
    """Find the selectors of an expression and its reach into the past. Raises Unreadable.

    Ranges and offsets behind a parenthesis (subqueries) reach back further than anything
    inside it; all of them are added to the longest selector, which errs on the far side.
    """
    scan = _Scan(tokens(expression))
    selectors = tuple(scan.selectors())
    longest = max((selector.lookback_s for selector in selectors), default=0.0)
    return Reading(tuple(dict.fromkeys(selectors)), longest + scan.outer_s)


class _Scan:
    """One pass over the tokens."""

    def __init__(self, words: list[Token]) -> None:
        self._words = words
        self._next = 0
        self.outer_s = 0.0

    def selectors(self) -> Iterator[Selector]:
        while (word := self._take()) is not None:
            if word.text == "{" or (word.kind == "name" and self._is_metric(word)):
                yield self._selector(word)
            elif word.text.lower() in _LISTS and self._peek() == "(":
                self._skip_list()
            elif word.text == ")":
                self.outer_s += self._lookback()

    def _take(self) -> Token | None:
        if self._next >= len(self._words):
            return None
        self._next += 1
        return self._words[self._next - 1]

    def _peek(self) -> str:
        return self._words[self._next].text if self._next < len(self._words) else ""

    def _is_metric(self, word: Token) -> bool:
        called = self._peek() == "(" or self._peek().lower() in {"by", "without"}
        return word.text.lower() not in _WORDS and not called

    def _skip_list(self) -> None:
        while (word := self._take()) is not None and word.text != ")":
            pass

    def _selector(self, word: Token) -> Selector:
        name = "" if word.text == "{" else word.text
        opened = word.text == "{" or (self._peek() == "{" and self._take() is not None)
        matchers = tuple(self._matchers()) if opened else ()
        return Selector(name, matchers, self._lookback())

    def _matchers(self) -> Iterator[str]:
        parts: list[str] = []
        while (word := self._take()) is not None and word.text != "}":
            if word.text == "," and parts:
                yield "".join(parts)
                parts = []
            else:
                parts.append(word.text)
        if word is None:
            raise Unreadable("a brace is not closed")
        if parts:
            yield "".join(parts)

    def _lookback(self) -> float:
        """Read what follows an operand: `[range]`, `offset duration`, `@ time`, in any order."""
        total = 0.0
        while True:
            ahead = self._peek()
            if ahead.startswith("["):
                total += seconds(ahead[1:-1].partition(":")[0].strip())
                self._take()
            elif ahead.lower() == "offset":
                total += self._offset()
            elif ahead == "@":
                self._moment()
            else:
                return total

    def _offset(self) -> float:
        self._take()
        forward = self._peek() == "-" and self._take() is not None
        word = self._take()
        if word is None:
            raise Unreadable("an offset has no duration")
        return 0.0 if forward else seconds(word.text)

    def _moment(self) -> None:
        """Skip `@ 123` and `@ start()`."""
        self._take()
        self._take()
        if self._peek() == "(":
            self._skip_list()
