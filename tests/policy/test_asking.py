"""When a model is asked, and what its ranking can do."""

import pytest

from domain.diagnosis import Diagnosis
from domain.limits import LlmMode
from domain.remedy import Remedy, RemedyName, Risk
from nightshift.testing import target
from policy.asking import candidates, chosen, narrowed, offered, undecided, wanted
from policy.ladder import Ladder


def rung(name: RemedyName, risk: Risk = "low") -> Remedy:
    """A remedy of that name."""
    return Remedy(
        name=name, target=target(), risk=risk, reversible=True, expect="better", undo="nothing"
    )


def diagnosis(decided_by: str = "runbook") -> Diagnosis:
    """Somebody's."""
    values = {"cause": "crashed", "summary": "", "evidence": [], "decided_by": decided_by}
    return Diagnosis.model_validate(values)


DECIDED = (diagnosis(), Ladder(rungs=[rung("start")], skipped={}))
HANDS_OFF = (diagnosis(), Ladder(rungs=[], skipped={}))
SPENT = (diagnosis(), Ladder(rungs=[], skipped={"start": "tried in this incident"}))
UNKNOWN = (diagnosis("none"), Ladder(rungs=[], skipped={}))


@pytest.mark.parametrize(
    ("mode", "case", "asks"),
    [
        ("auto", DECIDED, False),
        ("auto", HANDS_OFF, False),
        ("auto", SPENT, True),
        ("auto", UNKNOWN, True),
        ("always", DECIDED, True),
        ("always", HANDS_OFF, True),
        ("never", UNKNOWN, False),
        ("never", SPENT, False),
    ],
)
def test_when_it_is_asked(mode: LlmMode, case: tuple[Diagnosis, Ladder], asks: bool) -> None:
    """In mode auto only where rules and memory have nothing (left) to say."""
    assert wanted(mode, *case) is asks
    assert undecided(*HANDS_OFF) is False


def test_candidates_are_of_the_targets_kind() -> None:
    """A guest is not restarted like a container, and a node not at all."""
    assert "start" in candidates("container")
    assert not [name for name in candidates("container") if "guest" in name]
    assert all("guest" in name for name in candidates("lxc"))
    assert candidates("node") == []


def test_nothing_of_high_risk_is_offered() -> None:
    """That wants a rule somebody wrote for it."""
    rungs = [rung("start"), rung("restart_dependency", "high"), rung("wait", "none")]

    assert [one.name for one in offered(rungs)] == ["start"]


@pytest.mark.parametrize(
    ("ranked", "names"),
    [
        (["restart", "start"], ["start", "restart"]),
        (["start", "escalate", "restart"], ["start"]),
        (["escalate"], []),
        (["wait", "restart"], ["wait", "restart"]),
        (["restart", "wait"], ["restart"]),
        ([], []),
    ],
)
def test_what_a_ranking_asks_for(ranked: list[str], names: list[str]) -> None:
    """Least disruptive first, nothing behind escalate, waiting only where it was meant first."""
    assert chosen(ranked) == names


def test_rungs_are_left_out_but_never_added() -> None:
    """The rules' rungs, or some of them; what is left out says why."""
    ladder = Ladder(rungs=[rung("start"), rung("restart")], skipped={"unpause": "no"})
    less = narrowed(ladder, ["restart", "raise_memory"])

    assert [one.name for one in less.rungs] == ["restart"]
    assert less.skipped == {"unpause": "no", "start": "the model left it out"}
    assert narrowed(ladder, ["raise_memory"]) == ladder
    assert narrowed(ladder, []) == ladder
