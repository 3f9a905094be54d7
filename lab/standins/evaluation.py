"""Evaluating expressions over kept history, with Prometheus' semantics. Not here: parsing."""

import math
import operator
from collections.abc import Callable, Iterable

from lab.standins.expression import (
    COMPARISONS,
    SETS,
    Aggregation,
    BadQuery,
    Binary,
    Call,
    Node,
    Number,
    Series,
    Words,
)
from lab.standins.functions import (
    KEEPS_NAME,
    OVER_TIME,
    PER_ITEM,
    REDUCE,
    Item,
    Window,
    bare,
    unnamed,
)
from lab.standins.history import History

Value = float | list[Item] | list[Window]
Key = frozenset[tuple[str, str]]


class CannotExecute(BadQuery):
    """The query is well formed, but these series cannot be combined."""


def _divide(left: float, right: float) -> float:
    if right:
        return left / right
    return math.nan if not left or math.isnan(left) else math.copysign(math.inf, left)


_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": lambda left, right: math.fmod(left, right) if right else math.nan,
    "^": math.pow,
}
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def evaluate(node: Node, history: History, at: float) -> Value:
    """The value of an expression at a time. Raises BadQuery."""
    return _Evaluation(history, at).value(node)


class _Evaluation:
    """One expression at one time."""

    def __init__(self, history: History, at: float) -> None:
        self._history = history
        self._at = at

    def value(self, node: Node) -> Value:
        match node:
            case Number():
                return node.value
            case Words():
                raise BadQuery("expected type instant vector, got string")
            case Series():
                return self._series(node)
            case Call():
                return self._call(node)
            case Aggregation():
                return _aggregate(node, self._vector(node.inner))
            case Binary():
                return _combine(node, self.value(node.left), self.value(node.right))

    def _series(self, node: Series) -> list[Item] | list[Window]:
        at, lines = self._at - node.offset_s, self._history.select(node.matchers)
        if node.range_s is None:
            seen = ((line, line.newest(at)) for line in lines)
            return [
                Item(line.labels, point.value, point.at)
                for line, point in seen
                if point is not None and point.value is not None
            ]
        start = at - node.range_s
        return [Window(line.labels, line.within(start, at), start, at) for line in lines]

    def _vector(self, node: Node) -> list[Item]:
        found = self.value(node)
        if isinstance(found, float):
            raise BadQuery("expected type instant vector, got scalar")
        return [item for item in found if isinstance(item, Item)]

    def _call(self, node: Call) -> Value:
        if node.name == "time" and not node.arguments:
            return self._at
        if node.name == "label_replace":
            return self._labelled(*node.arguments)
        if len(node.arguments) != 1:
            raise BadQuery(f"wrong number of arguments for function {node.name!r}")
        argument = node.arguments[0]
        if node.name in OVER_TIME:
            return self._over_time(node.name, argument)
        if node.name in PER_ITEM:
            return [PER_ITEM[node.name](item) for item in self._vector(argument)]
        if node.name in {"absent", "vector", "scalar"}:
            return self._convert(node.name, argument)
        raise BadQuery(f'parse error: unknown function with name "{node.name}"')

    def _labelled(self, argument: Node, *words: Node) -> list[Item]:
        """Only the form that sets a label to a constant: from no label, by the empty pattern."""
        texts = [word.text for word in words if isinstance(word, Words)]
        if len(texts) != 4 or texts[2:] != ["", ""]:
            raise BadQuery("only a constant label is replaced in this stand-in")
        name, value = texts[:2]
        found = self._vector(argument)
        return [Item({**one.labels, name: value}, one.value, one.at) for one in found]

    def _convert(self, name: str, argument: Node) -> Value:
        if name == "absent":
            return self._absent(argument)
        if name == "scalar":
            items = self._vector(argument)
            return items[0].value if len(items) == 1 else math.nan
        found = self.value(argument)
        return [Item({}, found, self._at)] if isinstance(found, float) else found

    def _absent(self, argument: Node) -> list[Item]:
        if self._vector(argument):
            return []
        matchers = argument.matchers if isinstance(argument, Series) else ()
        labels = {name: value for name, how, value in matchers if how == "="}
        labels.pop("__name__", None)
        return [Item(labels, 1.0, self._at)]

    def _over_time(self, name: str, argument: Node) -> list[Item]:
        found = self.value(argument)
        if isinstance(found, float) or any(isinstance(one, Item) for one in found):
            raise BadQuery("expected type range vector")
        windows = [one for one in found if isinstance(one, Window) and one.points]
        reduced = ((window, OVER_TIME[name](window)) for window in windows)
        return [
            Item(window.labels if name in KEEPS_NAME else unnamed(window.labels), value, self._at)
            for window, value in reduced
            if value is not None
        ]


def _aggregate(node: Aggregation, items: Iterable[Item]) -> list[Item]:
    groups: dict[Key, list[Item]] = {}
    for item in items:
        labels = unnamed(item.labels)
        kept = {key for key in labels if (key in node.labels) != node.without}
        groups.setdefault(frozenset((key, labels[key]) for key in kept), []).append(item)
    reduce = REDUCE[node.name]
    return [
        Item(dict(key), reduce([item.value for item in members]), members[0].at)
        for key, members in groups.items()
    ]


def _combine(node: Binary, left: Value, right: Value) -> Value:
    if isinstance(left, float) and isinstance(right, float):
        return _scalars(node, left, right)
    if node.operator in SETS:
        return _set(node, _items(left), _items(right))
    if isinstance(right, float):
        return [kept for item in _items(left) for kept in _one(node, item, item.value, right)]
    if isinstance(left, float):
        return [kept for item in _items(right) for kept in _one(node, item, left, item.value)]
    return _vectors(node, _items(left), _items(right))


def _items(value: Value) -> list[Item]:
    if isinstance(value, float) or any(isinstance(one, Window) for one in value):
        raise BadQuery("binary expression must contain only scalar and instant vector types")
    return [one for one in value if isinstance(one, Item)]


def _scalars(node: Binary, left: float, right: float) -> float:
    if node.operator in _ARITHMETIC:
        return _ARITHMETIC[node.operator](left, right)
    if node.operator in SETS:
        raise BadQuery(f"set operator {node.operator!r} not allowed in binary scalar expression")
    if not node.as_bool:
        raise BadQuery("comparisons between scalars must use BOOL modifier")
    return float(_COMPARE[node.operator](left, right))


def _one(node: Binary, item: Item, left: float, right: float) -> list[Item]:
    """What one pair of values leaves: nothing, where a comparison filters it."""
    if node.operator not in COMPARISONS:
        return [bare(item, _ARITHMETIC[node.operator](left, right))]
    holds = _COMPARE[node.operator](left, right)
    if node.as_bool:
        return [bare(item, float(holds))]
    return [item] if holds else []


def _key(node: Binary, item: Item) -> Key:
    labels = unnamed(item.labels)
    if node.on is not None:
        return frozenset((name, labels.get(name, "")) for name in node.on)
    return frozenset(pair for pair in labels.items() if pair[0] not in node.ignoring)


def _set(node: Binary, left: list[Item], right: list[Item]) -> list[Item]:
    in_left, in_right = ({_key(node, item) for item in side} for side in (left, right))
    if node.operator == "or":
        return [*left, *(item for item in right if _key(node, item) not in in_left)]
    wanted = node.operator == "and"
    return [item for item in left if (_key(node, item) in in_right) == wanted]


def _vectors(node: Binary, left: list[Item], right: list[Item]) -> list[Item]:
    partners = {_key(node, item): item for item in right}
    if len(partners) < len(right) or len({_key(node, item) for item in left}) < len(left):
        raise CannotExecute("found duplicate series for the match group; many-to-many not allowed")
    pairs = ((item, partners[key]) for item in left if (key := _key(node, item)) in partners)
    found = (kept for item, other in pairs for kept in _one(node, item, item.value, other.value))
    return [_matched(node, item) for item in found]


def _matched(node: Binary, item: Item) -> Item:
    """One-to-one matching leaves only the labels that had to agree."""
    if node.on is None and not node.ignoring:
        return item
    return Item({key: value for key, value in _key(node, item) if value}, item.value, item.at)
