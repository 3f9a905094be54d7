from dataclasses import replace
from typing import Any

import pytest

from domain.plain import JsonValue
from tools.condition_text import BadCondition
from tools.conditions import KEPT_ANSWERS, Conditions, Observed
from tools.vocabulary import EXAMPLE, KINDS


@pytest.fixture(scope="module")
def conditions() -> Conditions:
    """One compiler for all tests here: its grammar takes a while."""
    return Conditions()


def holds(conditions: Conditions, text: str, **container: JsonValue) -> bool:
    """Whether it is true over the example with these fields of the container."""
    data: dict[str, Any] = {**EXAMPLE, "container": {**EXAMPLE["container"], **container}}
    return conditions.compile(text).holds(Observed(data, KINDS))


@pytest.mark.parametrize(
    "text",
    [
        'container.status == "exited" && container.exit_code != 0',
        'stop.by in ["crash", "oom"] && !container.oom_killed',
        'dependencies.items.exists(d, d.status == "exited" && !d.well)',
        'logs.last.matches("(?i)NO ROUTE")',
        'has(container.error) && container["name"].startsWith("shop")',
        "container.missing_networks.size() > 0 || container.exit_code == 77",
    ],
)
def test_what_is_true_holds(conditions: Conditions, text: str) -> None:
    """Operators, macros and functions of CEL work over evidence."""
    assert holds(conditions, text)


@pytest.mark.parametrize(
    "text",
    [
        "container.down_s > 41",
        "41 < container.down_s",
        "0.5 < container.exit_code",
        "container.exit_code == 1.0",
        "volumes.lowest_free < 1",
    ],
)
def test_numbers_compare_by_value(conditions: Conditions, text: str) -> None:
    """Whether JSON kept a number whole or fractional makes no difference."""
    assert holds(conditions, text)


def test_a_whole_number_where_a_fraction_was(conditions: Conditions) -> None:
    """A gauge that happens to be exactly 0 still compares with a fraction."""
    condition = conditions.compile("volumes.lowest_free < 0.05")

    assert condition.holds(Observed({"volumes": {"lowest_free": 0}}, KINDS))


@pytest.mark.parametrize("text", ["!(stats.memory_ratio > 0.5)", "stats.memory_ratio > 0.5"])
def test_what_was_not_observed_holds_neither_way(conditions: Conditions, text: str) -> None:
    """A missing kind makes neither a comparison nor its opposite true."""
    condition = conditions.compile(text)

    assert not condition.holds(Observed({"container": EXAMPLE["container"]}, KINDS))


def test_or_bridges_what_is_missing(conditions: Conditions) -> None:
    """One side of an `||` is enough when the other was not observed."""
    condition = conditions.compile('probe.state == "bad" || container.exists')

    assert condition.holds(Observed({"container": {"exists": True}}, KINDS))


def test_has_tells_missing_from_false(conditions: Conditions) -> None:
    """`has` over a kind that was not observed is false, not an error."""
    condition = conditions.compile("!has(logs.repeated)")

    assert condition.holds(Observed({}, KINDS))


def test_only_true_holds(conditions: Conditions) -> None:
    """A value of another type in the evidence is never taken for true."""
    assert not holds(conditions, "container.exists", exists="yes")


def test_an_integer_beyond_cel_leaves_the_kind_out(conditions: Conditions) -> None:
    """A number that CEL cannot hold makes its kind unknown instead of raising."""
    assert not holds(conditions, "container.exists", memory_limit=2**70)


def test_text_from_outside_is_never_evaluated(conditions: Conditions) -> None:
    """A log line in CEL syntax is compared, not run."""
    text = 'logs.last == "x" && container.exists'
    condition = conditions.compile(text)
    hostile = {**EXAMPLE["logs"], "last": '" == "" || true || "'}

    assert not condition.holds(Observed({**EXAMPLE, "logs": hostile}, KINDS))


def test_the_kinds_come_from_the_expression(conditions: Conditions) -> None:
    """Kinds are the free names; macro variables, strings and comments are none."""
    text = 'container.name != "logs" && dependencies.items.all(d, d.well) // probe'

    assert conditions.compile(text).kinds == {"container", "dependencies"}


def test_a_text_is_evaluated_once_a_situation(conditions: Conditions) -> None:
    """Two conditions that share a term share its answer."""
    first = conditions.compile('container.status == "exited" && stop.by == "oom"')
    second = conditions.compile('stop.by == "crash" && container.status == "exited"')
    observed = Observed(EXAMPLE, KINDS)
    first.holds(observed)
    observed.values.clear()

    assert first.terms[0].text == second.terms[1].text
    assert observed.answer(second.terms[1])


class Counting:
    """A program that counts how often it is asked."""

    def __init__(self, program: Any) -> None:
        self.program, self.asked = program, 0

    def evaluate(self, values: Any) -> Any:
        """Ask the real one."""
        self.asked += 1
        return self.program.evaluate(values)


@pytest.mark.parametrize(
    ("text", "changes", "asked"),
    [
        ('container.status == "exited"', {"name": "other"}, 1),
        ('container.status == "exited"', {"status": "running"}, 2),
        ("container.exit_code == 0", {"exit_code": 0.5}, 2),
        ("has(container.error)", {"error": None}, 2),
        ('container["status"] == "exited"', {"name": "other"}, 2),
        ('[container].exists(c, c.status == "exited")', {"name": "other"}, 2),
    ],
)
def test_the_same_fields_have_the_same_answer(
    text: str, changes: dict[str, JsonValue], asked: int
) -> None:
    """A term is evaluated once for what it reads, be it a field or a whole kind."""
    (term,) = Conditions().compile(text).terms
    counting = Counting(term.program)
    counted = replace(term, program=counting, known={})  # type: ignore[arg-type]  # only what is asked of it
    other: Any = {**EXAMPLE, "container": {**EXAMPLE["container"], **changes}}
    both = (EXAMPLE, other)
    answers = [Observed(one, KINDS).answer(counted) for one in (*both, *both)]

    assert counting.asked == asked
    assert answers == 2 * [Observed(one, KINDS).answer(term) for one in both]


def test_answers_are_kept_within_a_bound(conditions: Conditions) -> None:
    """Values that never come again do not pile up."""
    (term,) = conditions.compile("container.exit_code == 3").terms
    for code in range(2 * KEPT_ANSWERS):
        data: Any = {**EXAMPLE, "container": {**EXAMPLE["container"], "exit_code": code}}
        assert Observed(data, KINDS).answer(term) == (code == 3)

    assert len(term.known) <= KEPT_ANSWERS


@pytest.mark.parametrize(
    ("text", "line", "column", "word"),
    [
        ("container.exists &&", 1, 18, "not a CEL expression"),
        ("container.exists\n&& (stop.by", 2, 10, "not a CEL expression"),
        ("", 1, 1, "not a CEL expression"),
        ("container.exists\n && kontainer.exists", 2, 5, "unknown evidence kind 'kontainer'"),
        ("google.x == 1", 1, 1, "unknown evidence kind 'google'"),
        ('container.state == "exited"', 1, 11, "no field 'state'"),
        ("has(container.nope)", 1, 15, "no field 'nope'"),
        ("dependencies.items.exists(d, d.fine)", 1, 1, "'fine'"),
        ('container.status.lower() == "x"', 1, 18, "unknown function 'lower'"),
        ("container.networks.exists()", 1, 20, "takes 2 argument(s)"),
        ("container.networks.all(x)", 1, 20, "takes 2 argument(s)"),
        ("dependencies.items.all(events, events.well)", 1, 20, "must be a new name"),
        ("container.networks.exists(2, true)", 1, 20, "must be a new name"),
        ("has()", 1, 1, "takes 1 argument(s)"),
        ('container.exists && container.exit_code == "1"', 1, 21, "types"),
        ("container.status", 1, 1, "neither true nor false"),
        ("container.exists ? 1 : 2", 1, 1, "neither true nor false"),
        ("!" * 3000 + "container.exists", 1, 1, "nested too deeply"),
    ],
    ids=range(18),
)
def test_a_bad_condition_says_where(
    conditions: Conditions, text: str, line: int, column: int, word: str
) -> None:
    """Whatever is wrong is found when it is compiled, with line, column and reason."""
    with pytest.raises(BadCondition, match=r".") as caught:
        conditions.compile(text)

    assert word in str(caught.value)
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize(
    "text",
    ['alert.labels.team == "db"', '"team" in alert.labels', "logs.lines[9] == logs.last"],
)
def test_what_only_data_can_tell_is_accepted(conditions: Conditions, text: str) -> None:
    """Labels and positions that the example lacks are no mistake."""
    assert conditions.compile(text).kinds <= KINDS
