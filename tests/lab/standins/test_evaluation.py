"""The stand-in's evaluator over a small history."""

import math
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.standins.evaluation import CannotExecute, evaluate
from lab.standins.expression import BadQuery, parse
from lab.standins.functions import Item
from lab.standins.history import History, Sample

NOW = 100.0


def history() -> History:
    """Two services; `hits` grows by 1 a second and starts again from 0 at 90 s for db."""
    kept = History()
    for at in range(0, 101, 10):
        counts = {"web": at, "db": at if at < 90 else at - 90}
        samples = [Sample(name="up", labels={"name": "web", "job": "a"}, value=1)]
        samples += [Sample(name="up", labels={"name": "db", "job": "a"}, value=0)]
        samples += [
            Sample(name="hits", labels={"name": name}, value=count)
            for name, count in counts.items()
        ]
        kept.scrape(samples, float(at), [])
    return kept


def answer(query: str) -> Any:
    """A scalar, or values by the `name` label (`` where there is none)."""
    found = evaluate(parse(query), history(), NOW)
    if isinstance(found, float):
        return found
    return {one.labels.get("name", ""): one.value for one in found if isinstance(one, Item)}


ROWS: list[tuple[str, Any]] = [
    ("up", {"web": 1.0, "db": 0.0}),
    ("up == 0", {"db": 0.0}),
    ("up == bool 0", {"web": 0.0, "db": 1.0}),
    ("0 == up", {"db": 0.0}),
    ('up{name=~"w.*"}', {"web": 1.0}),
    ('up{name!~"w.*"}', {"db": 0.0}),
    ('up{name!="web"}', {"db": 0.0}),
    ('up{nothing=""} > 0', {"web": 1.0}),
    ('up{name=~"eb"}', {}),
    ("time()", 100.0),
    ("time() - timestamp(up)", {"web": 0.0, "db": 0.0}),
    ("up offset 1000s", {}),
    ("hits / hits", {"web": 1.0, "db": 1.0}),
    ("-hits + 1", {"web": -99.0, "db": -9.0}),
    ("2 ^ 3 ^ 2", 512.0),
    ("7 % 4 - 1", 2.0),
    ("sum(up)", {"": 1.0}),
    ("count by (job) (up)", {"": 2.0}),
    ("max without (job) (up)", {"web": 1.0, "db": 0.0}),
    ("avg(hits)", {"": 55.0}),
    ("up and on (name) hits > 50", {"web": 1.0}),
    ("up unless up == 1", {"db": 0.0}),
    ("up == 1 or hits", {"web": 100.0, "db": 10.0}),
    ('label_replace(up == 1, "name", "new", "", "")', {"new": 1.0}),
    ("changes(up[1m])", {"web": 0.0, "db": 0.0}),
    ("increase(hits[100s])", {"web": 100.0, "db": 90.0}),
    ("increase(hits[200s])", {"web": 100.0, "db": 90.0}),
    ("rate(hits[50s])", {"web": 1.0, "db": 0.8}),
    ("delta(up[1m])", {"web": 0.0, "db": 0.0}),
    ("max_over_time(hits[1m])", {"web": 100.0, "db": 80.0}),
    ("last_over_time(hits[1m])", {"web": 100.0, "db": 10.0}),
    ("absent(nobody)", {"": 1.0}),
    ('absent(nobody{name="x"})', {"x": 1.0}),
    ("absent(up)", {}),
    ("scalar(sum(up)) + 1", 2.0),
    ("vector(3)", {"": 3.0}),
    ("abs(up - 1)", {"web": 0.0, "db": 1.0}),
    ("1 == bool 1", 1.0),
]


@pytest.mark.parametrize(("query", "expected"), ROWS)
def test_answers(query: str, expected: Any) -> None:
    """Values by the `name` label, or a scalar."""
    assert answer(query) == pytest.approx(expected)


@pytest.mark.stack
def test_answers_are_prometheus_own(real_prometheus: str, tmp_path: Path) -> None:
    """Every row again, by the real program's test tool over the same samples."""
    promtool = shutil.which("promtool", path=Path(real_prometheus).parent)
    assert promtool, "promtool comes with Prometheus"
    queries = [
        {"expr": query, "eval_time": "100s", "exp_samples": told(query)} for query, _ in ROWS
    ]
    case = {"interval": "10s", "input_series": SERIES, "promql_expr_test": queries}
    (tmp_path / "case.yml").write_text(
        yaml.safe_dump({"evaluation_interval": "10s", "tests": [case]})
    )

    run = subprocess.run(
        [promtool, "test", "rules", "case.yml"], cwd=tmp_path, capture_output=True, check=False
    )

    assert run.returncode == 0, run.stdout.decode() + run.stderr.decode()


SERIES = [
    {"series": 'up{name="web",job="a"}', "values": "1x10"},
    {"series": 'up{name="db",job="a"}', "values": "0x10"},
    {"series": 'hits{name="web"}', "values": "0+10x10"},
    {"series": 'hits{name="db"}', "values": "0 10 20 30 40 50 60 70 80 0 10"},
]
"""`history()` in the notation of promtool, whose time begins at 0."""


def told(query: str) -> list[dict[str, Any]]:
    """What the stand-in says to it, as promtool expects it."""
    found = evaluate(parse(query), history(), NOW)
    if isinstance(found, float):
        return [{"value": found}]
    return [
        {"labels": written(one.labels), "value": one.value}
        for one in found
        if isinstance(one, Item)
    ]


def written(labels: dict[str, str]) -> str:
    """A label set in Prometheus' notation."""
    named = [f'{key}="{value}"' for key, value in labels.items() if key != "__name__"]
    return f"{labels.get('__name__', '')}{{{','.join(named)}}}"


def test_dividing_by_zero_is_a_number() -> None:
    """As IEEE 754 has it."""
    assert math.isnan(answer("0 / 0"))
    assert answer("1 / 0") == math.inf


def test_arithmetic_loses_the_metrics_name_and_filters_keep_it() -> None:
    """What is left of `up == 0` is still `up`."""
    kept = evaluate(parse("up == 0"), history(), NOW)
    lost = evaluate(parse("up + 0"), history(), NOW)

    assert isinstance(kept, list)
    assert isinstance(lost, list)
    assert [one.labels.get("__name__") for one in kept] == ["up"]
    assert [one.labels.get("__name__") for one in lost] == [None, None]


def test_matching_on_labels_leaves_those_labels() -> None:
    """One-to-one matching on `name` knows nothing of the others."""
    found = evaluate(parse("up == on (name) up"), history(), NOW)

    assert isinstance(found, list)
    assert [one.labels for one in found] == [{"name": "web"}, {"name": "db"}]


@pytest.mark.parametrize(
    "query",
    ["nonsense(up)", "1 == 1", "rate(up)", "sum(1)", "up[5m] + 1", "time(1)", "1 and 1", "rate(1)"],
)
def test_type_errors_are_bad_queries(query: str) -> None:
    """Refused, as Prometheus refuses them."""
    with pytest.raises(BadQuery):
        answer(query)


def test_two_partners_cannot_be_matched() -> None:
    """Many-to-many is an execution error."""
    with pytest.raises(CannotExecute, match="many-to-many"):
        answer("up * on (job) up")
