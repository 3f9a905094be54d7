"""Is it still broken, and is it ours to care? Not here: why it is broken."""

from typing import Literal

from domain.evidence import Situation
from domain.plain import Plain, Record
from domain.target import Kind
from policy.triage_guest import triage_guest, triage_node

DEATHS, YOUNG_S = 2, 30.0


class Triage(Record):
    """`broken` goes on; `recovered` and `finished` end the incident without an action."""

    kind: Literal["broken", "recovered", "finished"]
    reason: str


def triage(situation: Situation, kind: Kind = "container") -> Triage:
    """Judge by what was observed now, never by what the alert says; missing data is broken."""
    if kind != "container":
        word, reason = (triage_node if kind == "node" else triage_guest)(situation)
        return Triage(kind=word, reason=reason)
    container = situation.get("container")
    if not container or not container.get("exists", True):
        return Triage(kind="broken", reason="its state could not be observed")
    if container.get("one_shot") and container["status"] == "exited" and _ended_well(situation):
        return Triage(kind="finished", reason="a one-shot job that ended with exit code 0")
    doubts = _doubts(container, situation)
    if doubts:
        return Triage(kind="broken", reason="; ".join(doubts))
    return Triage(kind="recovered", reason="running, healthy, and nothing observed contradicts it")


def _ended_well(situation: Situation) -> bool:
    stop = situation.get("stop", {})
    return situation["container"].get("exit_code") == 0 and stop.get("by") in (
        "crash",
        "unexplained",
    )


def _doubts(container: Plain, situation: Situation) -> list[str]:
    probe = situation.get("probe", {})
    expression, events = situation.get("expression", {}), situation.get("events", {})
    found = {
        f"status {container['status']}": container["status"] != "running",
        f"health {container['health']}": container["health"] in ("unhealthy", "starting"),
        "cut off a network": bool(container.get("missing_networks")),
        "an outside probe fails": probe.get("state") == "bad",
        "it keeps dying": _loops(container, events),
        "the alert's expression still fires": expression.get("state") == "firing",
    }
    return [words for words, holds in found.items() if holds]


def _loops(container: Plain, events: Plain) -> bool:
    """Between two crashes a looping container looks well: it has not stayed up yet."""
    dies, up_s = events.get("dies", 0), container.get("up_s", 0.0)
    young = isinstance(up_s, float | int) and up_s < YOUNG_S
    return isinstance(dies, int) and dies >= DEATHS and young
