import json

import pytest
from pydantic import ValidationError

from domain.facts import ContainerFacts
from nightshift.testing import T0, container


def test_a_record_survives_json() -> None:
    """Facts go through a checkpoint or a column and come back equal."""
    facts = container(finished_at=T0)

    assert ContainerFacts.parse(json.loads(json.dumps(facts.plain()))) == facts


def test_a_record_cannot_be_changed() -> None:
    """What was seen stays what was seen."""
    with pytest.raises(ValidationError, match="frozen"):
        container().status = "exited"  # type: ignore[misc]  # that it is refused is the point


def test_unknown_fields_are_ignored() -> None:
    """A newer version's row can be read by an older program."""
    facts = container()

    assert ContainerFacts.parse({**facts.plain(), "colour": "blue"}) == facts
