"""Who stopped it: somebody, we ourselves, the kernel or its own fault. Not here: the events.

A stop, kill, pause or disconnect through the API that was not ours is somebody's decision and
stays so until somebody starts it again.
"""

from datetime import datetime, timedelta
from typing import Literal

from domain.facts import ContainerEvent, ContainerFacts
from domain.plain import Record

By = Literal["crash", "oom", "person", "ours", "unexplained", "none", "backup", "ha"]
KILLED = 137
KILL_TO_DIE = timedelta(seconds=30)
DIE_TO_STOP = timedelta(seconds=3)
CLOCK_SKEW = timedelta(seconds=2)
DIE_LATE = timedelta(seconds=15)
"""Docker reports a death once it has cleaned up after it: seconds later, on a busy host."""


class Stop(Record):
    """Why it is not up: `action` is what was done to it, empty when nobody did anything."""

    by: By
    action: Literal["stop", "kill", "pause", "disconnect", "shutdown", "suspend", ""] = ""
    exit_code: int = 0
    detail: str


def explain(
    facts: ContainerFacts, events: list[ContainerEvent], *, ours: list[datetime], cut: list[str]
) -> Stop:
    """Tell whose doing the present state is.

    `ours` are the times of our own effects on it, `cut` the networks it lost while running.
    """
    own = [event for event in events if event.container_id == facts.target.id]
    if facts.status == "paused":
        return Stop(by="person", action="pause", detail="only the API pauses a container")
    if facts.status in {"exited", "dead"}:
        return _explain_exit(facts, own, ours)
    if cut:
        return Stop(by="person", action="disconnect", detail=f"was taken off {', '.join(cut)}")
    return Stop(by="none", detail=f"status {facts.status}")


def _explain_exit(
    facts: ContainerFacts, events: list[ContainerEvent], ours: list[datetime]
) -> Stop:
    end = death(facts, events)
    code = facts.exit_code
    if end is None:
        return _unseen_exit(facts)
    asked = _asked_to_stop(end, events)
    if asked and any(_near(asked.at, when) for when in ours):
        return Stop(by="ours", action="stop", exit_code=code, detail="we stopped it")
    if asked:
        action: Literal["stop", "kill"] = "stop" if asked.action == "stop" else "kill"
        return Stop(by="person", action=action, exit_code=code, detail=f"{action} through the API")
    if facts.oom_killed or _between(events, "oom", _born(end, events), end.at):
        return Stop(by="oom", exit_code=code, detail="killed at its memory limit")
    return Stop(by="crash", exit_code=code, detail=f"exited by itself with code {code}")


def _unseen_exit(facts: ContainerFacts) -> Stop:
    """A death that nobody witnessed: a stop may leave any exit code (ADR 11)."""
    code = facts.exit_code
    if facts.oom_killed and code == KILLED:
        return Stop(by="oom", exit_code=code, detail="killed at its memory limit")
    return Stop(by="unexplained", exit_code=code, detail=f"exit {code} that no event explains")


def death(facts: ContainerFacts, events: list[ContainerEvent]) -> ContainerEvent | None:
    """The `die` event that ended its last run, if it was seen."""
    if facts.finished_at is None:
        return None
    end = facts.finished_at
    near = [
        event
        for event in events
        if event.action == "die" and end - CLOCK_SKEW <= event.at <= end + DIE_LATE
    ]
    return min(near, key=lambda event: abs(event.at - end), default=None)


def _born(death: ContainerEvent, events: list[ContainerEvent]) -> datetime:
    starts = [event.at for event in events if event.action == "start" and event.at < death.at]
    return max(starts, default=death.at - timedelta(hours=1))


def _asked_to_stop(death: ContainerEvent, events: list[ContainerEvent]) -> ContainerEvent | None:
    """The API call behind this death: a `stop` right after it, or a `kill` shortly before it."""
    stop = _between(events, "stop", death.at - CLOCK_SKEW, death.at + DIE_TO_STOP)
    since = max(_born(death, events), death.at - KILL_TO_DIE)
    return stop or _between(events, "kill", since, death.at + CLOCK_SKEW)


def _between(
    events: list[ContainerEvent], action: str, start: datetime, end: datetime
) -> ContainerEvent | None:
    hits = [event for event in events if event.action == action and start <= event.at <= end]
    return hits[-1] if hits else None


def _near(asked: datetime, ours: datetime) -> bool:
    return ours - CLOCK_SKEW <= asked <= ours + timedelta(seconds=60)
