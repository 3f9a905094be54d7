"""Routers: pure functions from state to the next node's name. Not here: decisions."""

from typing import Literal

from domain.state import IncidentState


def after_monitor(
    state: IncidentState,
) -> Literal["monitor", "retrieve-history", "notify"]:
    """Recovered or folded for good ends; folded and waiting looks again; broken goes on."""
    if state.get("outcome"):
        return "notify"
    return "monitor" if state.get("wake_at") else "retrieve-history"


def after_analyse(state: IncidentState) -> Literal["heal", "approve", "notify"]:
    """Policy's word on the chosen remedy."""
    kind = (state.get("decision") or {}).get("kind")
    if not state.get("remedy"):
        return "notify"
    if kind == "allowed":
        return "heal"
    return "approve" if kind == "needs_approval" else "notify"


def after_approve(state: IncidentState) -> Literal["heal", "notify"]:
    """A yes heals; denied, expired and gone have set the outcome."""
    allowed = (state.get("decision") or {}).get("kind") == "allowed"
    return "heal" if allowed and not state.get("outcome") else "notify"


def after_heal(state: IncidentState) -> Literal["heal", "verify"]:
    """While others go first it comes back; whatever came of it is verified."""
    return "heal" if state.get("wake_at") else "verify"


def after_verify(state: IncidentState) -> Literal["verify", "analyse", "notify"]:
    """Pending looks again, not healed with budget left analyses anew, all else is told."""
    verdict = (state.get("verdict") or {}).get("state")
    if state.get("outcome"):
        return "notify"
    if verdict == "pending":
        return "verify"
    return "analyse" if verdict == "not_healed" else "notify"
