import pytest
from pydantic import ValidationError

from domain.decision import Allowed, NeedsApproval, Refused, parse_decision


@pytest.mark.parametrize(
    "decision",
    [
        Allowed(),
        NeedsApproval(rule="mode", reason="mode approve"),
        Refused(rule="paused", reason="holiday"),
        Refused(rule="mode", reason="would have done start", observed=True),
    ],
)
def test_a_decision_survives_a_checkpoint(decision: Allowed | NeedsApproval | Refused) -> None:
    """Its plain values rebuild the same kind of decision."""
    assert parse_decision(decision.plain()) == decision


@pytest.mark.parametrize("values", [{}, {"kind": "maybe"}, {"reason": "because"}])
def test_what_is_no_decision_is_not_guessed(values: dict[str, str]) -> None:
    """Unknown kinds are an error, never a yes."""
    with pytest.raises(ValidationError):
        parse_decision(dict(values))
