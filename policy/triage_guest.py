"""Is a guest or node still broken, and is it ours to care? Not here: containers (triage.py)."""

from typing import Literal

from domain.evidence import Situation
from domain.plain import Plain
from policy.reading_guest import SHORT_OF_MEMORY

Word = tuple[Literal["broken", "recovered", "finished"], str]


def triage_guest(situation: Situation) -> Word:
    """A template, and a guest that is not set to start on boot, are meant to be down."""
    guest = situation.get("guest")
    if not guest or not guest.get("exists", True):
        return "broken", "its state could not be observed"
    if guest.get("template"):
        return "finished", "it is a template, which never runs"
    if guest["status"] == "stopped" and not guest.get("onboot") and not _named(situation):
        return "finished", "it is stopped and not set to start on boot: it is meant to be down"
    doubts = _doubts(guest, situation)
    if doubts:
        return "broken", "; ".join(doubts)
    return "recovered", "running, and nothing observed contradicts it"


def triage_node(situation: Situation) -> Word:
    """A node is broken when the cluster does not see it, or something outside says so."""
    if "node" not in situation:
        return "broken", "its state could not be observed"
    if not situation["node"].get("online"):
        return "broken", "the cluster does not see the node"
    doubts = _outside(situation)
    if doubts:
        return "broken", "; ".join(doubts)
    return "recovered", "online, and nothing observed contradicts it"


def _named(situation: Situation) -> bool:
    """Does an alert from outside say in so many words that this guest should run?"""
    alert, guest = situation.get("alert", {}), situation["guest"]
    labels = alert.get("labels")
    if alert.get("source") == "check" or not isinstance(labels, dict):
        return False
    path = f"{'qemu' if guest.get('type') == 'vm' else 'lxc'}/{guest.get('vmid')}"
    names = {labels.get("name"), labels.get("guest"), labels.get("instance")}
    return (
        path in names | {labels.get("id")}
        or labels.get("vmid") == guest.get("vmid")
        or guest.get("name") in names
    )


def _doubts(guest: Plain, situation: Situation) -> list[str]:
    share = guest.get("memory_ratio", 0.0)
    full = (
        guest.get("type") == "lxc" and isinstance(share, float | int) and share >= SHORT_OF_MEMORY
    )
    found = {
        f"status {guest['status']}": guest["status"] != "running",
        "its memory is full": full,
    }
    return [words for words, holds in found.items() if holds] + _outside(situation)


def _outside(situation: Situation) -> list[str]:
    found = {
        "an outside probe fails": situation.get("probe", {}).get("state") == "bad",
        "the alert's expression still fires": situation.get("expression", {}).get("state")
        == "firing",
    }
    return [words for words, holds in found.items() if holds]
