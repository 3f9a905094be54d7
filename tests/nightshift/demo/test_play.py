"""What makes the demo succeed or fail."""

from typing import Any

import pytest

from nightshift.demo.play import judged


def _view(outcome: str, verdict: str, *remedies: str) -> dict[str, Any]:
    attempts = [{"remedy": name} for name in remedies]
    return {"outcome": outcome, "verdict": {"state": verdict}, "attempts": attempts}


FIRST = _view("resolved", "healed", "restart", "restart_dependency")
SECOND = _view("resolved", "healed", "restart_dependency")


def test_two_proved_heals_and_a_shorter_way_succeed() -> None:
    """That is the whole promise."""
    assert all(judged([FIRST, SECOND], [True, True]).values())


@pytest.mark.parametrize(
    ("views", "healthy"),
    [
        ([FIRST, SECOND], [True, False]),
        ([FIRST, _view("escalated", "unknown", "restart_dependency")], [True, True]),
        ([FIRST, _view("escalated", "healed", "restart_dependency")], [True, True]),
        ([_view("resolved", "unknown", "restart", "start"), SECOND], [True, True]),
        ([FIRST, FIRST], [True, True]),
    ],
)
def test_anything_less_fails(views: list[Any], healthy: list[bool]) -> None:
    """A shop that is ill, an outcome without a verdict, a memory that changed nothing."""
    assert not all(judged(views, healthy).values())
