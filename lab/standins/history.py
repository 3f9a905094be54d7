"""Samples over time, kept as Prometheus keeps them: lookback, staleness, label matching.

Not here: where samples come from (lab/standins/series.py), or expressions over them.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

LOOKBACK_S = 300.0
Source = Callable[[], "Iterable[Sample]"]
Labels = Mapping[str, str]
Matcher = tuple[str, str, str]
"""Label, operator (`=`, `!=`, `=~`, `!~`), value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What an exporter says at a scrape; `at` (Unix seconds) only where it sets its own time.

    A series with a time of its own is not marked stale when the exporter drops it, so it lives
    on for five minutes, as cAdvisor's do.
    """

    name: str
    labels: Labels = field(default_factory=dict)
    value: float
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One sample of one series; a value of None marks the series stale from then on."""

    at: float
    value: float | None


@dataclass(slots=True)
class Line:
    """One series: its labels with `__name__`, and its points, oldest first."""

    labels: dict[str, str]
    points: deque[Point]
    own_time: bool = False

    def newest(self, at: float) -> Point | None:
        """The point that an instant query at `at` sees."""
        for point in reversed(self.points):
            if point.at <= at:
                fresh = point.at > at - LOOKBACK_S and point.value is not None
                return point if fresh else None
        return None

    def within(self, start: float, end: float) -> list[tuple[float, float]]:
        """Time and value of the real samples in [start, end]."""
        return [
            (point.at, point.value)
            for point in self.points
            if start <= point.at <= end and point.value is not None
        ]


class History:
    """All series, by metric name; each remembers `keep_s` seconds."""

    def __init__(self, *, keep_s: float = 3600.0) -> None:
        self._keep_s = keep_s
        self._lines: dict[str, dict[tuple[tuple[str, str], ...], Line]] = {}

    def scrape(self, samples: Iterable[Sample], at: float, before: list[Line]) -> list[Line]:
        """Take one scrape in. `before` is what this source gave last time; returns what it gives.

        Series that are gone are marked stale, unless they carried times of their own.
        """
        given = [self._add(sample, at) for sample in samples]
        present = set(map(id, given))
        for line in before:
            if id(line) not in present and not line.own_time:
                line.points.append(Point(at, None))
        return given

    def _add(self, sample: Sample, at: float) -> Line:
        key = tuple(sorted(sample.labels.items()))
        lines = self._lines.setdefault(sample.name, {})
        if key not in lines:
            lines[key] = Line({"__name__": sample.name, **sample.labels}, deque())
        line = lines[key]
        line.own_time = sample.at is not None
        taken = at if sample.at is None else sample.at
        if not line.points or line.points[-1].at < taken:
            line.points.append(Point(taken, float(sample.value)))
        while line.points[0].at < at - self._keep_s:
            line.points.popleft()
        return line

    def select(self, matchers: Iterable[Matcher]) -> Iterator[Line]:
        """The series that satisfy all matchers, stale ones too."""
        asked = tuple(matchers)
        names = {value for label, how, value in asked if (label, how) == ("__name__", "=")}
        wanted = [(label, _test(how, value)) for label, how, value in asked]
        for name in names or list(self._lines):
            for line in self._lines.get(name, {}).values():
                if all(test(line.labels.get(label, "")) for label, test in wanted):
                    yield line

    def label_names(self) -> list[str]:
        """Every label name there is."""
        return sorted({name for line in self.select(()) for name in line.labels})


def _test(operator: str, value: str) -> Callable[[str], bool]:
    if operator in {"=", "!="}:
        return lambda found: (found == value) == (operator == "=")
    pattern = re.compile(value, re.DOTALL)
    return lambda found: (pattern.fullmatch(found) is not None) == (operator == "=~")
