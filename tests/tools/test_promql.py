"""Reading expressions: selectors, reach, quoting. What they mean is Prometheus' business."""

import re

import pytest

from lab.rules import RULES
from tools.promql import Selector, Unreadable, escape, quote, read, seconds


def written(expression: str) -> list[str]:
    """The selectors of an expression as they would be asked for, unchanged."""
    return [one.narrowed({}) for one in read(expression).selectors]


@pytest.mark.parametrize(
    ("expression", "selectors"),
    [
        ("up == 0", ["up{}"]),
        ('time() - container_last_seen{name!=""} > 3', ['container_last_seen{name!=""}']),
        ("sum by (job, instance) (rate(hits[5m])) > 3", ["hits{}"]),
        ("sum(x) without (job) / ignoring (a) group_left (b) y", ["x{}", "y{}"]),
        ("a and on (name) (b unless c) or d", ["a{}", "b{}", "c{}", "d{}"]),
        ("a + a", ["a{}"]),
        ('{__name__=~"x.*", job="a,}b"}', ['{__name__=~"x.*",job="a,}b"}']),
        (":node_memory:sum{a='1',}", [":node_memory:sum{a='1'}"]),
        ("vector(1) > bool 0x1F + 2.5e3 + Inf", []),
        ("x offset 5m @ end() # y\n > 1", ["x{}"]),
        ("histogram_quantile(0.9, sum by (le) (rate(h[5m])))", ["h{}"]),
    ],
)
def test_finds_the_selectors_and_nothing_else(expression: str, selectors: list[str]) -> None:
    """Functions, keywords, label lists and comments are not series."""
    assert written(expression) == selectors


@pytest.mark.parametrize(
    ("expression", "reach"),
    [
        ("up == 0", 0.0),
        ("time() - x > 60", 0.0),
        ("increase(x[15m]) > 3", 900.0),
        ("rate(x[1m]) / rate(y[1h30m] offset 1d)", 91800.0),
        ("max_over_time(rate(x[5m])[1h:1m])", 3900.0),
        ("x[300]", 300.0),
        ("x offset -1h", 0.0),
        ("(a + b) offset 2m", 120.0),
    ],
)
def test_tells_how_far_back_it_sees(expression: str, reach: float) -> None:
    """The longest way back, subqueries and offsets included."""
    assert read(expression).range_s == reach


@pytest.mark.parametrize("expression", ["x{", "x[$__range]", "x offset", "a ? b", '"open', "¡"])
def test_what_cannot_be_read_is_said(expression: str) -> None:
    """An expression we do not understand is not guessed at."""
    with pytest.raises(Unreadable):
        read(expression)


def test_every_rule_of_the_lab_can_be_read() -> None:
    """The rules people run against real exporters."""
    assert all(read(rule.expr).selectors for rule in RULES)


def test_narrowing_keeps_labels_a_series_lacks() -> None:
    """A label the series does not have cannot differ; one it has must be equal."""
    selector = Selector("x", ('job="a"',))

    narrowed = selector.narrowed({"name": "web", "job": "b", "not a label": "x"})

    assert narrowed == 'x{job="a",name=~"|web"}'


@pytest.mark.parametrize("value", ['a"b', "a\\b", "a\nb", "a\r", "`x`", "a'b", "", "é"])
def test_quoting_survives_anything(value: str) -> None:
    """A literal is one token that means its value."""
    literal = quote(value)

    assert re.fullmatch(r'"(?:[^"\\\n]|\\.)*"', literal)
    plain = literal[1:-1].replace("\\\\", "\0").replace('\\"', '"')
    assert plain.replace("\\n", "\n").replace("\\r", "\r").replace("\0", "\\") == value


@pytest.mark.parametrize("value", ["a.b", "(x|y)+", "[a]{2}^$", "\\d", "a-b c#é"])
def test_escaping_matches_exactly_the_value(value: str) -> None:
    """An escaped value is a pattern for itself alone."""
    assert re.fullmatch(escape(value), value)
    assert not re.fullmatch(escape(value), value + "x")


@pytest.mark.parametrize(
    ("text", "value"), [("90s", 90), ("1h1m1s", 3661), ("5", 5), ("1500ms", 1.5)]
)
def test_durations(text: str, value: float) -> None:
    """As Prometheus writes them."""
    assert seconds(text) == value
