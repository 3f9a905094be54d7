import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.facts import ContainerEvent, ContainerFacts
from nightshift.testing import T0, container
from policy.desired import death, explain

WEB = container("web")


def happened(*steps: tuple[float, str], who: ContainerFacts = WEB) -> list[ContainerEvent]:
    """Events at these seconds after T0."""
    return [
        ContainerEvent(
            target_key=who.target.key,
            container_id=who.target.id,
            action=action,
            at=T0 + timedelta(seconds=seconds),
        )
        for seconds, action in steps
    ]


def ended(code: int, *, oom_killed: bool = False) -> ContainerFacts:
    """A container that ended at T0."""
    return container("web", status="exited", exit_code=code, oom_killed=oom_killed, finished_at=T0)


def by(
    facts: ContainerFacts,
    *steps: tuple[float, str],
    ours: tuple[float, ...] = (),
    cut: tuple[str, ...] = (),
) -> str:
    """Whose doing it is, with what was done, from these events."""
    acted = [T0 + timedelta(seconds=seconds) for seconds in ours]
    stop = explain(facts, happened(*steps), ours=acted, cut=list(cut))
    return f"{stop.by} {stop.action}".strip()


@pytest.mark.parametrize(
    ("code", "steps", "word"),
    [
        (1, [(-60, "start"), (0, "die")], "crash"),
        (0, [(-60, "start"), (0, "die")], "crash"),
        (137, [(-60, "start"), (0, "die")], "crash"),
        (0, [(-60, "start"), (-0.1, "kill"), (0, "die"), (0.3, "stop")], "person stop"),
        (
            137,
            [(-60, "start"), (-10, "kill"), (-0.1, "kill"), (0, "die"), (0.1, "stop")],
            "person stop",
        ),
        (137, [(-60, "start"), (-0.1, "kill"), (0, "die")], "person kill"),
        (137, [(-60, "start"), (-0.1, "oom"), (0, "die")], "oom"),
        (1, [(-60, "start"), (-0.1, "oom"), (0, "die")], "oom"),
        (1, [(-60, "kill"), (0, "die")], "crash"),
        (1, [(-20, "kill"), (-10, "start"), (0, "die")], "crash"),
        (1, [(-20, "oom"), (-10, "start"), (0, "die")], "crash"),
        (1, [(0, "die"), (10, "stop")], "crash"),
    ],
)
def test_the_order_of_events_tells(code: int, steps: list[tuple[float, str]], word: str) -> None:
    """A crash has only `die`; a stop and a kill have theirs around it; older ones do not count."""
    assert by(ended(code), *steps) == word


@pytest.mark.parametrize(
    ("code", "oom_killed", "word"),
    [
        (0, False, "unexplained"),
        (137, False, "unexplained"),
        (143, False, "unexplained"),
        (137, True, "oom"),
        (1, False, "unexplained"),
        (139, False, "unexplained"),
        (143, True, "unexplained"),
    ],
)
def test_an_unseen_end_is_not_guessed(code: int, oom_killed: bool, word: str) -> None:
    """A stop may leave any exit code; only the kernel's kill at the limit leaves its own mark."""
    assert by(ended(code, oom_killed=oom_killed)) == word


@pytest.mark.parametrize(("ours", "word"), [(-0.5, "ours stop"), (-120.0, "person stop")])
def test_our_own_stop_is_not_somebodys(ours: float, word: str) -> None:
    """A stop inside one of our restarts is ours; one long after it is a person's."""
    steps = [(-0.2, "kill"), (0, "die"), (0.1, "stop")]

    assert by(ended(0), *steps, ours=(ours,)) == word


def test_only_the_api_pauses() -> None:
    """A paused container was paused by somebody, whatever the events say."""
    assert by(container("web", status="paused")) == "person pause"


def test_a_lost_network_was_taken() -> None:
    """A running container that lost a network was disconnected by somebody."""
    assert by(WEB, cut=("shop_default",)) == "person disconnect"


@pytest.mark.parametrize("status", ["running", "restarting", "created"])
def test_what_did_not_end_was_not_stopped(status: str) -> None:
    """Without an end there is nobody to name."""
    assert by(container("web", status=status)) == "none"


def test_events_of_its_predecessor_do_not_count() -> None:
    """A container made anew under the name has its own story."""
    old = container("web", target=WEB.target.model_copy(update={"id": "f" * 64}))
    events = happened((-0.1, "kill"), (0, "die"), (0.1, "stop"), who=old)

    assert explain(ended(1), events, ours=[], cut=[]).by == "unexplained"


def test_another_death_is_not_this_one() -> None:
    """A `die` far from the time of its end is another one's."""
    assert death(ended(0), happened((-5, "die"))) is None
    assert death(ended(0), happened((20, "die"))) is None


def test_a_death_may_be_told_late() -> None:
    """A busy daemon reports it when it has cleaned up; of two the nearer one is meant."""
    late = happened((3, "die"), (9, "die"))

    assert death(ended(1), late) == late[0]


RECORDED = {
    "crash": "crash",
    "crash2": "crash",
    "oom": "oom",
    "stopped": "person stop",
    "killed": "person kill",
    "paused": "person pause",
    "hung": "none",
    "running": "none",
    "loop": "none",
}


@pytest.mark.parametrize(("case", "word"), RECORDED.items())
def test_recorded_faults(data: Path, case: str, word: str) -> None:
    """The event orders that a real daemon sent are told apart."""
    facts = recorded_facts(data, case)
    stop = explain(facts, recorded_events(data, facts), ours=[], cut=[])

    assert f"{stop.by} {stop.action}".strip() == word


def recorded_facts(data: Path, case: str) -> ContainerFacts:
    """What decides, from a recorded inspect."""
    found = json.loads((data / "docker" / f"inspect_{case}.json").read_text())
    state, name = found["State"], found["Name"].lstrip("/")
    known = container(name).target.model_copy(update={"id": found["Id"]})
    return container(
        name,
        target=known,
        status=state["Status"],
        exit_code=state["ExitCode"],
        oom_killed=state["OOMKilled"],
        finished_at=_moment(state["FinishedAt"]),
    )


def recorded_events(data: Path, facts: ContainerFacts) -> list[ContainerEvent]:
    """The recorded events of that container, up to its end."""
    rows: list[dict[str, Any]] = json.loads((data / "docker" / "events.json").read_text())
    return [
        ContainerEvent(
            target_key=facts.target.key,
            container_id=facts.target.id,
            action=row["verb"],
            at=datetime.fromtimestamp(row["t"], UTC),
        )
        for row in rows
        if row["name"] == facts.target.name
    ]


def _moment(text: str) -> datetime | None:
    return None if text.startswith("0001") else datetime.fromisoformat(text)
