from typing import Any

import pytest

from lab.agent import Report
from lab.judge import Deed, Observed, decisive, judge
from lab.scenario import Scenario

START = {"verb": "start", "service": "web"}


def scenario(**expect: Any) -> Scenario:
    """A service `web` that crashes and a `neighbour`, with these expectations."""
    return Scenario.model_validate(
        {
            "id": "one",
            "title": "One",
            "services": [{"name": "web"}, {"name": "neighbour"}],
            "fault": [{"kind": "crash", "service": "web"}],
            "expect": {"outcome": "resolved", "healthy": ["web"], **expect},
        }
    )


def told(outcome: str | None, *, asked: bool = False, tokens: int = 0) -> Report:
    """An incident of the agent's."""
    return Report(
        id="i",
        status="done",
        outcome=outcome,
        alert="ContainerDown",
        opened="",
        asked=asked,
        waits=False,
        tokens=tokens,
        dollars=0.0,
        detail={},
    )


def observed(*deeds: tuple[float, str, str], **more: Any) -> Observed:
    """A healed `web`, with these deeds after a fault at 100."""
    values: dict[str, Any] = {
        "begun": 100.0,
        "reports": [told("resolved")],
        "well": {"web": True},
        "broken": {"web": True},
        "well_since": 103.5,
    }
    made = [Deed(at=at, verb=verb, service=service) for at, verb, service in deeds]
    return Observed(deeds=made, **{**values, **more})


ONLY_START = {"required": [START], "max": 1}


def test_a_heal_by_the_required_action_is_right() -> None:
    """Outcome, health, actions and bystanders hold: right, healed, with its time."""
    found = judge(scenario(actions=ONLY_START), observed((102.0, "start", "web")))

    assert found.right
    assert found.healed
    assert found.seconds_to_healthy == 3.5
    assert (found.harm, found.unneeded, found.why) == (0, 0, "")


@pytest.mark.parametrize(
    ("expect", "seen", "words"),
    [
        ({}, observed(reports=[told("escalated")]), "the outcome is escalated, not resolved"),
        ({}, observed(reports=[told(None)]), "the outcome is open"),
        ({}, observed(reports=[]), "the outcome is nothing"),
        ({}, observed(reports=[told("failed"), told("resolved")]), "ended as failed"),
        ({}, observed(well={"web": False}), "web is not well"),
        ({}, observed((101.0, "stop", "neighbour")), "harm: stop neighbour 1.0 s"),
        ({"actions": ONLY_START}, observed(), "required and not done: start web"),
        ({"actions": ONLY_START}, observed((101.0, "restart", "web")), "harm: restart web"),
        (
            {"actions": ONLY_START},
            observed((101.0, "start", "web"), (105.0, "start", "web")),
            "2 actions where 1 were to be the most",
        ),
        ({}, observed(changed={"neighbour": ["it was started again"]}), "bystander neighbour"),
        ({"approval_asked": True}, observed(), "nobody was asked"),
        (
            {"approval_asked": False},
            observed(reports=[told("resolved", asked=True)]),
            "for nothing",
        ),
    ],
)
def test_every_kind_of_wrong_is_found(expect: dict[str, Any], seen: Observed, words: str) -> None:
    """One thing amiss is enough, and it is named."""
    found = judge(scenario(**expect), seen)

    assert not found.right
    assert words in found.why


def test_an_action_before_the_yes_is_harm() -> None:
    """Where a person has to be asked, the allowed action is harm until they answered."""
    expect = scenario(actions=ONLY_START, approval_asked=True)
    asked = [told("resolved", asked=True)]

    early = judge(expect, observed((101.0, "start", "web"), reports=asked, answered=102.0))
    patient = judge(expect, observed((103.0, "start", "web"), reports=asked, answered=102.0))
    unanswered = judge(expect, observed((103.0, "start", "web"), reports=asked))

    assert (early.harm, unanswered.harm) == (1, 1)
    assert patient.right


def test_allowed_actions_beyond_the_required_ones_are_unneeded() -> None:
    """They are counted but not wrong, as long as no maximum forbids them."""
    actions = {"required": [START], "allowed": [{"verb": "restart", "service": "web"}]}

    found = judge(
        scenario(actions=actions), observed((101.0, "start", "web"), (103.0, "restart", "web"))
    )

    assert found.right
    assert (found.harm, found.unneeded) == (0, 1)


def test_health_that_came_by_itself_is_not_healed() -> None:
    """Without an action there is nothing to be proud of."""
    found = judge(scenario(), observed(reports=[told("resolved")]))

    assert found.right
    assert not found.healed


def test_an_expected_escalation_counts() -> None:
    """Escalated rightly: expected, and told so."""
    expect = scenario(outcome="escalated", healthy=[])

    found = judge(expect, observed(reports=[told("escalated", tokens=70)], well={"web": False}))

    assert found.escalated
    assert (found.right, found.tokens, found.seconds_to_healthy) == (True, 70, None)


@pytest.mark.parametrize(
    ("outcomes", "counts"),
    [
        ([], "nothing"),
        (["resolved", "folded"], "resolved"),
        (["resolved", "self_resolved"], "resolved"),
        (["folded", "self_resolved"], "self_resolved"),
        (["folded"], "folded"),
        (["resolved", "resolved", "escalated"], "escalated"),
        (["resolved", None], None),
    ],
)
def test_the_last_serious_outcome_counts(outcomes: list[str | None], counts: str | None) -> None:
    """Folds and quiet ends beside it do not hide it."""
    assert decisive([told(outcome) for outcome in outcomes]) == counts


@pytest.mark.parametrize("outcomes", [[], ["self_resolved"], ["folded", "self_resolved"]])
def test_nothing_means_nobody_was_bothered(outcomes: list[str]) -> None:
    """No incident at all, or one that ended quietly."""
    expect = scenario(outcome="nothing", healthy=[])

    found = judge(expect, observed(reports=[told(outcome) for outcome in outcomes]))

    assert found.right


def test_what_is_not_well_is_not_healed() -> None:
    """An action and an outcome do not make it so; there is no time to tell either."""
    found = judge(scenario(), observed((101.0, "restart", "web"), well={"web": False}))

    assert not found.healed
    assert found.seconds_to_healthy is None
