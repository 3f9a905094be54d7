"""lab/crash_bench.py: a short run of real kills, and the sums."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from lab.crash_bench import measure, report
from lab.crash_case import Case, Tally
from lab.crash_plan import Patient
from nightshift.cli.bench.crash import told, verdict


@pytest.mark.timeout(400)
async def test_kill_9_loses_nothing_and_doubles_nothing() -> None:
    """A dozen kills of real servers: every incident ends, and only the control acts twice."""
    found = await measure(10, 5)

    assert (found.points, found.lost, found.doubled, found.sent_twice) == (10, 0, 0, 0)
    assert found.control_doubled > 0
    assert found.good
    assert found.incidents >= 18
    assert found.resume_ms.median > 0


def lane(
    *effects: dict[str, int], lost: bool = False, messages: int = 1, sent: int | None = None
) -> Any:
    """A lane that was killed once, with a case for each of these counts; `sent`: calls of each."""
    patient = Patient(fault="hung", delay_s=4.0)
    cases = [
        Case(
            name="c1",
            body={},
            patient=patient,
            incident="i",
            outcome="" if lost else "resolved",
            lost=lost,
            calls=Counter(dict.fromkeys(one, sent) if sent else one),
            effects=Counter(one),
            messages=messages,
        )
        for one in effects
    ]
    tally = Tally(kills=Counter({"random": 1}), cases=cases, resumed_s=[0.5], recovered_s=[2.0])
    return SimpleNamespace(tally=tally)


@pytest.mark.parametrize(
    ("wrong", "control"),
    [
        (lane({}, lost=True), 2),
        (lane({"restart": 2}), 2),
        (lane({"restart": 1}, sent=2), 2),
        (lane({}), 1),
    ],
)
def test_a_loss_a_doubling_and_a_mute_control_fail(wrong: Any, control: int) -> None:
    """Exit code 1 for each of them."""
    found = report([lane({"restart": 1}), wrong], lane({"restart": control}), 1)

    assert not found.good
    with pytest.raises(typer.Exit):
        verdict(found)


def test_a_mute_harness_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """A control that doubled nothing proves nothing."""
    with pytest.raises(typer.Exit):
        verdict(report([lane({"restart": 1})], lane({"restart": 1}), 1))

    assert "the harness is mute" in capsys.readouterr().err


def test_other_verbs_are_other_effects() -> None:
    """A start after a restart doubles nothing; two messages about one incident are one too many."""
    found = report([lane({"restart": 1, "start": 1}, messages=2)], lane({"restart": 3}), 1)

    assert (found.doubled, found.control_doubled, found.messages_doubled) == (0, 2, 1)
    assert (found.database, found.late, found.resume_ms.median) == ("sqlite", 1, 500.0)
    assert found.good


def test_the_page_names_what_counts() -> None:
    """Kills, losses, doublings, and where it was killed."""
    page = told(report([lane({"restart": 1})], lane({"restart": 2}), 7, "postgresql://x/y"))

    assert "killed 1 times on postgresql, seed 7" in page
    assert "effects doubled    0   (1 by the control in 1 kills)" in page
    assert "random" in page
