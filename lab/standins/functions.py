"""Functions of the query language over the values they take. Not here: operators, selectors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Item:
    """One series of an instant vector; `at` is its sample's own time."""

    labels: dict[str, str]
    value: float
    at: float


@dataclass(frozen=True)
class Window:
    """One series of a range vector."""

    labels: dict[str, str]
    points: Points
    start: float
    end: float


REDUCE: dict[str, Callable[[list[float]], float]] = {
    "sum": sum,
    "count": lambda values: float(len(values)),
    "min": min,
    "max": max,
    "avg": lambda values: sum(values) / len(values),
    "group": lambda _: 1.0,
}


def _growth(window: Window, *, counter: bool) -> float | None:
    """What the samples grew by, extrapolated to the window's ends as Prometheus does."""
    points = window.points
    if len(points) < 2:
        return None
    (first_at, first), (last_at, last) = points[0], points[-1]
    grown = last - first
    if counter:
        pairs = pairwise(points)
        grown += sum(before for (_, before), (_, after) in pairs if after < before)
    sampled = last_at - first_at
    step = sampled / (len(points) - 1)
    head, tail = first_at - window.start, window.end - last_at
    if counter and grown > 0 and first >= 0:
        head = min(head, sampled * first / grown)
    reach = sum(gap if gap < step * 1.1 else step / 2 for gap in (head, tail))
    return grown * (sampled + reach) / sampled


def _rate(window: Window) -> float | None:
    grown = _growth(window, counter=True)
    return None if grown is None else grown / (window.end - window.start)


def _changes(window: Window) -> float:
    values = _values(window)
    return float(sum(a != b for a, b in pairwise(values)))


def _values(window: Window) -> list[float]:
    return [value for _, value in window.points]


OVER_TIME: dict[str, Callable[[Window], float | None]] = {
    "increase": lambda window: _growth(window, counter=True),
    "delta": lambda window: _growth(window, counter=False),
    "rate": _rate,
    "changes": _changes,
    "last_over_time": lambda window: window.points[-1][1],
    **{
        f"{name}_over_time": lambda window, reduce=reduce: reduce(_values(window))  # type: ignore[misc]  # bound by default
        for name, reduce in REDUCE.items()
    },
}


def unnamed(labels: dict[str, str]) -> dict[str, str]:
    """These labels without the metric's name."""
    return {key: value for key, value in labels.items() if key != "__name__"}


def bare(item: Item, value: float) -> Item:
    """The item with another value, nameless as results of arithmetic are."""
    return Item(unnamed(item.labels), value, item.at)


KEEPS_NAME = frozenset({"last_over_time"})
PER_ITEM: dict[str, Callable[[Item], Item]] = {
    "timestamp": lambda item: bare(item, item.at),
    "abs": lambda item: bare(item, abs(item.value)),
}
