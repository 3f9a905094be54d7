from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.state import IncidentState
from graph.routes import after_analyse, after_approve, after_monitor, after_verify

ALLOWED = {"kind": "allowed"}
ASKS = {"kind": "needs_approval"}
NO = {"kind": "refused"}
REMEDY = {"name": "start"}


def state(**values: Any) -> IncidentState:
    """A state with these channels."""
    return values  # type: ignore[return-value]  # partial states are what routers read


@pytest.mark.parametrize(
    ("values", "node"),
    [
        ({}, "retrieve-history"),
        ({"wake_at": None, "outcome": None}, "retrieve-history"),
        ({"target": None, "reason": "nobody"}, "retrieve-history"),
        ({"wake_at": "2026-11-23T05:00:00+00:00"}, "monitor"),
        ({"outcome": "self_resolved"}, "notify"),
        ({"outcome": "folded", "wake_at": "2026-11-23T05:00:00+00:00"}, "notify"),
    ],
)
def test_after_monitor(values: dict[str, Any], node: str) -> None:
    """An outcome ends it, a wake-up looks again, all else goes on."""
    assert after_monitor(state(**values)) == node


@pytest.mark.parametrize(
    ("values", "node"),
    [
        ({"remedy": REMEDY, "decision": ALLOWED}, "heal"),
        ({"remedy": REMEDY, "decision": ASKS}, "approve"),
        ({"remedy": REMEDY, "decision": NO}, "notify"),
        ({"remedy": None, "decision": NO}, "notify"),
        ({"remedy": None, "decision": ALLOWED}, "notify"),
        ({"remedy": REMEDY, "decision": None}, "notify"),
        ({}, "notify"),
    ],
)
def test_after_analyse(values: dict[str, Any], node: str) -> None:
    """Only a remedy that policy allows is carried out."""
    assert after_analyse(state(**values)) == node


@pytest.mark.parametrize(
    ("values", "node"),
    [
        ({"decision": ALLOWED}, "heal"),
        ({"decision": NO, "outcome": "denied"}, "notify"),
        ({"decision": ASKS, "outcome": "escalated"}, "notify"),
        ({"decision": ALLOWED, "outcome": "self_resolved"}, "notify"),
        ({"decision": ASKS}, "notify"),
        ({}, "notify"),
    ],
)
def test_after_approve(values: dict[str, Any], node: str) -> None:
    """Only a yes heals."""
    assert after_approve(state(**values)) == node


@pytest.mark.parametrize(
    ("values", "node"),
    [
        ({"verdict": {"state": "healed"}}, "notify"),
        ({"verdict": {"state": "unknown"}}, "notify"),
        ({"verdict": {"state": "pending"}}, "verify"),
        ({"verdict": {"state": "not_healed"}}, "analyse"),
        ({"verdict": {"state": "not_healed"}, "outcome": "escalated"}, "notify"),
        ({"verdict": {"state": "pending"}, "outcome": "failed"}, "notify"),
        ({"verdict": None}, "notify"),
        ({}, "notify"),
    ],
)
def test_after_verify(values: dict[str, Any], node: str) -> None:
    """Pending looks again, not healed analyses anew, all else is told."""
    assert after_verify(state(**values)) == node


@given(
    st.sampled_from([None, ALLOWED, ASKS, NO]),
    st.sampled_from([None, REMEDY]),
    st.sampled_from([None, "failed", "denied"]),
)
def test_nothing_but_allowed_reaches_heal(decision: Any, remedy: Any, outcome: Any) -> None:
    """From no state does a router lead to heal without policy's word."""
    one = state(decision=decision, remedy=remedy, outcome=outcome)

    assert "heal" not in {after_analyse(one), after_approve(one)} or decision == ALLOWED
