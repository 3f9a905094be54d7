"""Alert rules and the alerts they raise. Not here: telling anybody of them (alertmanager.py)."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from lab.standins.expression import BadQuery
from lab.standins.functions import Item
from tools.prometheus_answers import fingerprint
from tools.promql import seconds

KEEP_RESOLVED_S = 900.0
_FIELD = re.compile(r"\{\{\s*\$(?:labels\.(\w+)|(value))[^}]*\}\}")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """An alerting rule; `for_s` in seconds. Annotations and labels know `{{ $labels.x }}`."""

    name: str
    expr: str
    for_s: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def written(cls, rule: Mapping[str, Any]) -> "Rule":
        """One rule as rule files have it: `alert`, `expr`, `for`, `labels`, `annotations`."""
        return cls(
            name=rule["alert"],
            expr=rule["expr"],
            for_s=seconds(str(rule.get("for", "0s"))),
            labels=rule.get("labels", {}),
            annotations=rule.get("annotations", {}),
        )


@dataclass(frozen=True, kw_only=True)
class Active:
    """One alert of a rule; times in Unix seconds."""

    rule: Rule
    labels: dict[str, str]
    annotations: dict[str, str]
    state: Literal["pending", "firing", "resolved"]
    value: float
    active_at: float
    fired_at: float = 0.0
    resolved_at: float = 0.0

    @property
    def fingerprint(self) -> str:
        """The hash of its labels, as Alertmanager has it."""
        return fingerprint(self.labels)


class Rules:
    """All rules, evaluated together; remembers what is pending, firing and just resolved.

    `errors` holds, by rule name, why its last evaluation failed; its alerts then stay as they are.
    """

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self.rules = list(rules)
        self.errors: dict[str, str] = {}
        self._active: dict[tuple[int, str], Active] = {}

    def alerts(self, *states: str) -> list[Active]:
        """The alerts in these states."""
        return [one for one in self._active.values() if one.state in states]

    def evaluate(self, vector: Callable[[str], list[Item]], now: float) -> None:
        """One evaluation of every rule; `vector` answers an expression."""
        self.errors = {}
        for place, rule in enumerate(self.rules):
            try:
                items = vector(rule.expr)
            except BadQuery as error:
                self.errors[rule.name] = str(error)
            else:
                self._update(place, [_raise(rule, item, now) for item in items], now)

    def _update(self, place: int, seen: list[Active], now: float) -> None:
        present = {(place, one.fingerprint): one for one in seen}
        for key, one in present.items():
            self._active[key] = _go_on(self._active.get(key), one, now)
        for key in [key for key in self._active if key[0] == place and key not in present]:
            self._end(key, now)

    def _end(self, key: tuple[int, str], now: float) -> None:
        one = self._active[key]
        if one.state == "firing":
            self._active[key] = replace(one, state="resolved", resolved_at=now)
        elif one.state == "pending" or one.resolved_at < now - KEEP_RESOLVED_S:
            del self._active[key]


def _raise(rule: Rule, item: Item, now: float) -> Active:
    own = {key: value for key, value in item.labels.items() if key != "__name__"}

    def fill(texts: Mapping[str, str]) -> dict[str, str]:
        return {key: _FIELD.sub(one, text) for key, text in texts.items()}

    def one(found: re.Match[str]) -> str:
        return f"{item.value:g}" if found[2] else own.get(found[1], "")

    return Active(
        rule=rule,
        labels={**own, **fill(rule.labels), "alertname": rule.name},
        annotations=fill(rule.annotations),
        state="pending",
        value=item.value,
        active_at=now,
    )


def _go_on(before: Active | None, seen: Active, now: float) -> Active:
    """An alert that is true now, given what it was at the last evaluation."""
    if before is None or before.state == "resolved":
        before = seen
    due = now - before.active_at >= before.rule.for_s
    if before.state == "pending" and due:
        before = replace(before, state="firing", fired_at=now)
    return replace(before, value=seen.value, annotations=seen.annotations)
