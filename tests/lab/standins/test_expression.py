"""The stand-in's query language: parsed as Prometheus does, refused as Prometheus does."""

import pytest

from lab.rules import RULES
from lab.standins.expression import BadQuery, Binary, Number, Series, parse


def test_precedence_is_prometheus() -> None:
    """Arithmetic binds before comparison, comparison before `and`, `and` before `or`."""
    tree = parse("a + b * 2 > 1 and c or d")

    assert isinstance(tree, Binary)
    assert tree.operator == "or"
    left = tree.left
    assert isinstance(left, Binary)
    assert left.operator == "and"
    assert isinstance(left.left, Binary)
    assert left.left.operator == ">"


def test_a_selector_knows_its_matchers_and_reach() -> None:
    """Escapes are decoded, ranges and offsets are seconds."""
    assert parse('x{a="q\\"\\\\\\n",b!~`.*\\d`}[5m] offset 1h') == Series(
        matchers=(("__name__", "=", "x"), ("a", "=", 'q"\\\n'), ("b", "!~", ".*\\d")),
        range_s=300.0,
        offset_s=3600.0,
    )


@pytest.mark.parametrize(
    ("text", "value"), [("0x10", 16.0), ("1e3", 1000.0), ("Inf", float("inf"))]
)
def test_numbers(text: str, value: float) -> None:
    """As Prometheus writes them."""
    assert parse(text) == Number(value)


def test_every_rule_of_the_lab_parses() -> None:
    """Scenarios run on these."""
    assert all(parse(rule.expr) for rule in RULES)


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("", "1:1: parse error: no expression found in input"),
        ("up{", "1:4: parse error: unexpected end of input inside braces"),
        ("up)", "1:3: parse error: unexpected ')'"),
        ("up ==", "unexpected end of input"),
        ("sum(up", "expected ')'"),
        ("up{a>1}", "in label matching"),
        ('up{a="\\q"}', "unknown escape sequence"),
        ("rate(up[5m])[1h:1m]", "subqueries are not part"),
        ("a * on (b) group_left c", "many-to-one"),
        ("up[zz]", "'zz' is not a duration"),
        ("¡", "unexpected character"),
    ],
)
def test_what_it_does_not_know_is_refused(query: str, error: str) -> None:
    """Never a guess: the error is Prometheus' kind of error."""
    with pytest.raises(BadQuery) as caught:
        parse(query)

    assert str(caught.value).startswith('invalid parameter "query": ')
    assert error in str(caught.value)
