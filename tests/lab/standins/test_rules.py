"""Pending, firing, resolved."""

from lab.standins.functions import Item
from lab.standins.rules import KEEP_RESOLVED_S, Rule, Rules


def run(rules: Rules, at: float, *names: str) -> dict[str, str]:
    """Evaluate at a time when these are down; returns states by name."""
    items = [Item({"__name__": "up", "name": name}, 0.0, at) for name in names]
    rules.evaluate(lambda _: items, at)
    found = rules.alerts("pending", "firing", "resolved")
    return {one.labels["name"]: one.state for one in found}


def test_an_alert_fires_when_its_time_is_up() -> None:
    """`for: 5s` means five seconds of being true."""
    rules = Rules([Rule(name="Down", expr="up == 0", for_s=5)])

    assert run(rules, 100, "web") == {"web": "pending"}
    assert run(rules, 105, "web") == {"web": "firing"}
    assert rules.alerts("firing")[0].fired_at == 105


def test_a_pending_alert_that_passes_is_forgotten() -> None:
    """Nobody was told of it."""
    rules = Rules([Rule(name="Down", expr="up == 0", for_s=5)])
    run(rules, 100, "web")

    assert run(rules, 101) == {}


def test_an_alert_that_ends_is_resolved_for_a_while() -> None:
    """Long enough to be told, then it is gone."""
    rules = Rules([Rule(name="Down", expr="up == 0")])
    run(rules, 100, "web", "db")

    assert run(rules, 101, "db") == {"web": "resolved", "db": "firing"}
    assert run(rules, 102 + KEEP_RESOLVED_S, "db") == {"db": "firing"}


def test_an_alert_that_comes_back_is_a_new_episode() -> None:
    """With a start of its own."""
    rules = Rules([Rule(name="Down", expr="up == 0")])
    run(rules, 100, "web")
    run(rules, 101)
    run(rules, 102, "web")

    assert [one.fired_at for one in rules.alerts("firing")] == [102]


def test_labels_and_annotations_are_filled_in() -> None:
    """From the series' labels and value."""
    rule = Rule.written(
        {
            "alert": "Down",
            "expr": "up == 0",
            "for": "0s",
            "labels": {"severity": "critical", "team": "{{ $labels.name }}-people"},
            "annotations": {"summary": "{{ $labels.name }} is {{ $value | humanize }}"},
        }
    )
    rules = Rules([rule])
    run(rules, 100, "web")

    (one,) = rules.alerts("firing")
    assert one.labels == {
        "alertname": "Down",
        "name": "web",
        "severity": "critical",
        "team": "web-people",
    }
    assert one.annotations == {"summary": "web is 0"}
