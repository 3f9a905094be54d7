from typing import Any

import pytest

from domain.decision import Refused
from domain.facts import ContainerFacts
from domain.remedy import Effect, Precondition, Remedy, RemedyName
from nightshift.testing import container
from policy.next_rung import barred

WEB, DB = container("web"), container("db")


def rung(name: RemedyName, *touched: ContainerFacts) -> Remedy:
    """A remedy for `web` that restarts these."""
    known: dict[str, Any] = {
        "name": name, "target": WEB.target, "risk": "high", "reversible": False,
        "expect": "", "undo": "",
        "effects": [
            Effect(verb="restart", target=one.target, precondition=Precondition.of(one))
            for one in touched
        ],
    }  # fmt: skip
    return Remedy.model_validate(known)


RESTART, NEIGHBOUR = rung("restart", WEB), rung("restart_dependency", DB)


@pytest.mark.parametrize(
    ("first", "rule", "then", "bars"),
    [
        (RESTART, "protected", NEIGHBOUR, True),
        (RESTART, "blast", NEIGHBOUR, True),
        (RESTART, "cooldown", NEIGHBOUR, False),
        (RESTART, "protected", rung("start", WEB), False),
        (RESTART, "protected", rung("escalate"), False),
        (NEIGHBOUR, "protected", rung("restart_dependents", container("shop")), False),
    ],
)
def test_a_patient_that_may_not_be_touched(
    first: Remedy, rule: str, then: Remedy, bars: bool
) -> None:
    """Its neighbours are not touched in its stead; a refusal for the rung's own sake bars none."""
    word = barred(then, [(first, Refused(rule=rule, reason="web is protected"))])

    assert bool(word) is bars
    assert word is None or word.rule == rule
