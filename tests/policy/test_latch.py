from datetime import timedelta

import pytest

from domain.decision import Refused
from domain.journal import PastAttempt, Standing
from domain.limits import Limits
from nightshift.testing import T0
from policy.latch import did_not_hold, latching

KEY = "container:local/web"


def past(*verdicts: str) -> list[PastAttempt]:
    """Attempts of different incidents with these verdicts."""
    return [
        PastAttempt.model_validate(
            {
                "incident": str(number),
                "target_key": KEY,
                "remedy": "start",
                "at": T0 - timedelta(minutes=number),
                "verdict": verdict,
            }
        )
        for number, verdict in enumerate(verdicts)
    ]


def test_only_what_did_not_hold_counts() -> None:
    """Healed and kept, or not judged yet: no reason to give up."""
    tried = past("healed", "pending", "came_back", "not_healed", "unknown")

    assert did_not_hold(tried, [KEY]) == 3
    assert did_not_hold(tried, ["container:local/db"]) == 0


def test_an_attempt_on_two_targets_is_one() -> None:
    """What touched both is not counted twice."""
    (first,) = past("came_back")
    both = [first, first.model_copy(update={"target_key": "container:local/db"})]

    assert did_not_hold(both, [KEY, "container:local/db"]) == 1


COOLED = Refused(rule="cooldown", reason="start did not hold")
PAUSED = Refused(rule="paused", reason="holiday")


@pytest.mark.parametrize(
    ("outcome", "cause", "decision", "tried", "latches"),
    [
        ("escalated", "crashed", None, 3, True),
        ("escalated", "crashed", None, 2, False),
        ("escalated", "crashed", COOLED, 2, True),
        ("escalated", "crashed", PAUSED, 0, False),
        ("escalated", "flapping", None, 0, True),
        ("resolved", "crashed", None, 3, False),
        ("observed", "flapping", None, 3, False),
    ],
)
def test_which_end_latches(
    outcome: str, cause: str, decision: object, tried: int, latches: bool
) -> None:
    """An escalation of what came back too often; nothing else."""
    standing = Standing(recent=past(*["came_back"] * tried))
    why = latching(
        outcome,  # type: ignore[arg-type]  # the table's words
        cause=cause,
        decision=decision,
        standing=standing,
        key=KEY,
        limits=Limits(),
    )

    assert bool(why) is latches


def test_what_is_latched_is_not_latched_anew() -> None:
    """The first word stands."""
    standing = Standing(latched="it comes and goes", recent=past(*["came_back"] * 3))
    known = {"cause": "flapping", "decision": None, "key": KEY, "limits": Limits()}

    assert latching("escalated", standing=standing, **known) == ""  # type: ignore[arg-type]  # as above
