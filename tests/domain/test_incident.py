"""Records of an incident. Not here: its storage."""

import pytest
from pydantic import ValidationError

from domain.incident import Usage


@pytest.mark.parametrize("field", ["model_calls", "prompt_tokens", "completion_tokens", "dollars"])
def test_nothing_costs_less_than_nothing(field: str) -> None:
    """A usage below zero would give back what was spent elsewhere."""
    with pytest.raises(ValidationError):
        Usage.model_validate({field: -1})
