from typing import Any

import pytest

from domain.silence import Matcher, Silence
from nightshift.testing import T0
from policy.silence import covering

LABELS = {"alertname": "ContainerDown", "name": "web"}


def silence(*matchers: dict[str, Any], **changes: Any) -> Silence:
    """An active silence with these matchers."""
    parsed = [Matcher.model_validate(one) for one in matchers]
    return Silence.model_validate({"matchers": parsed, "until": T0, "by": "ann", **changes})


@pytest.mark.parametrize(
    ("matcher", "covers"),
    [
        ({"name": "name", "value": "web"}, True),
        ({"name": "name", "value": "we"}, False),
        ({"name": "name", "value": "we", "pattern": True}, False),
        ({"name": "name", "value": "w.*", "pattern": True}, True),
        ({"name": "name", "value": "db", "equal": False}, True),
        ({"name": "name", "value": "web|db", "pattern": True, "equal": False}, False),
        ({"name": "team", "value": ""}, True),
        ({"name": "team", "value": "x"}, False),
        ({"name": "name", "value": r"\pL[", "pattern": True}, True),
    ],
)
def test_matchers_are_alertmanagers(matcher: dict[str, Any], covers: bool) -> None:
    """Whole values, anchored patterns, absent labels empty; what we cannot read may be meant."""
    assert bool(covering([silence(matcher)], LABELS)) is covers


def test_all_matchers_must_hold() -> None:
    """One that does not hold is enough."""
    both = silence({"name": "name", "value": "web"}, {"name": "alertname", "value": "Other"})

    assert covering([both], LABELS) == ""


def test_says_who_and_why() -> None:
    """A person who is asked reads whose silence it is."""
    said = covering([silence({"name": "name", "value": "web"}, comment="upgrade")], LABELS)

    assert said == "ann silenced it until 2026-11-23 05:00 UTC (upgrade)"
