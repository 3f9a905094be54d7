"""monitor: what is broken, is it still, and who is at work on it?"""

from datetime import datetime, timedelta

from langgraph.runtime import Runtime

from domain.alert import Alert
from domain.deps import Deps
from domain.errors import Transient
from domain.evidence import Evidence, Source, situation
from domain.incident import Incident
from domain.journal import HeldBy
from domain.plain import Plain
from domain.ports import Survey
from domain.state import IncidentState
from domain.target import Found, NotLocated
from nodes.case import tried
from nodes.common_cause import (
    PARENT_LOOK,
    below,
    claimed,
    facts_of,
    in_hand,
    latched,
    silent_host,
    told_of,
    too_early,
    wait_for,
)
from nodes.observe import GLANCE, observe, observe_alert
from nodes.reach import surveyed
from nodes.story import tell
from policy.degraded import silent_hosts, silent_sources
from policy.place import booting, named_and_silent, place
from policy.triage import triage

BOOT_LOOK = timedelta(seconds=15)
FRESH = timedelta(seconds=1)
"""How old a shared sight of everything may be where it becomes evidence to act on."""


async def monitor(state: IncidentState, runtime: Runtime[Deps]) -> IncidentState:
    """Find the target by code, gather evidence, and claim or fold.

    What is in somebody's hands already, or told, folds before anything is gathered. Writes
    target, evidence and severity; an outcome where nothing is left to do; `wake_at` and `parent`
    while another incident is at work on the same cause, `wake_at` alone where one just healed it.
    """
    deps, incident = runtime.context, state["incident"]
    alert = Alert.parse(state["alert"])
    row = await deps.ledger.incident(incident)
    begun = await _begun(state, deps, row)
    if begun is None:
        return {"wake_at": (deps.clock.now() + PARENT_LOOK).isoformat()}
    seen = await surveyed(deps, since=begun)
    found = place(alert, seen.docker, seen.cluster, deps.limits)
    round_ = state.get("round", 0) + 1
    if isinstance(found, NotLocated):
        soon = "" if found.candidates else booting(seen.docker, seen.cluster, deps.limits)
        if soon:
            return await _later(state, deps, soon)
        return await _nobody(state, deps, found, seen, round_)
    known = await _known(state, deps, found, seen)
    return known or await _look(state, deps, alert, seen, round_)


async def _begun(state: IncidentState, deps: Deps, row: Incident) -> datetime | None:
    """The moment from which on a sight of the world counts; None while the parent is at work."""
    parent = state.get("parent")
    if not parent:
        return deps.clock.now() if state.get("round") else row.opened_at
    above = await deps.ledger.incident(parent)
    return above.closed_at if above.status == "done" else None


async def _known(
    state: IncidentState, deps: Deps, found: Found, seen: Survey
) -> IncidentState | None:
    """Folded, where the cause is in hand, told or latched; None where it is for us to look."""
    known = await in_hand(state, deps, found, seen.docker)
    known = known or await told_of(state, deps, found, seen.docker)
    patient = facts_of(found, seen.docker)
    if known is None and patient is not None and not patient.well:
        known = await latched(state, deps, found)
    if known is not None:
        await deps.ledger.update(state["incident"], target=found.target)
    return known


async def _look(
    state: IncidentState, deps: Deps, alert: Alert, seen: Survey, round_: int
) -> IncidentState:
    """Gather evidence of a fresh sight of everything, and claim."""
    incident, now = state["incident"], deps.clock.now()
    if seen.at < now - FRESH:
        if glance := await _glance(state, deps, alert, seen, round_):
            return glance
        seen = await surveyed(deps, since=now)
    found = place(alert, seen.docker, seen.cluster, deps.limits)
    if isinstance(found, NotLocated):
        return await _nobody(state, deps, found, seen, round_)
    evidence = await observe(
        deps,
        alert=alert,
        target=found.target,
        everyone=seen.docker.containers,
        cluster=seen.cluster,
        round_=round_,
        tried=tried(state),
    )
    _must_know_our_own(evidence)
    ids = [one.id for one in evidence]
    known: IncidentState = {
        "target": found.target.plain(),
        "severity": alert.severity,
        "evidence": [*_still_of(state, found), *ids],
        "round": round_,
        "wake_at": None,
    }
    heard = "; ".join(part for part in (found.via, _heard(evidence)) if part)
    silent = silent_hosts(seen.docker, seen.cluster) | silent_sources(evidence, unset=_unset(deps))
    said: Plain = {"ids": list(ids), "degraded": {**silent}}
    await tell(deps, incident, "evidence", heard, said, target=found.target, evidence=evidence)
    return {**known, **await _settle_or_claim(state, deps, evidence, found, seen)}


def _must_know_our_own(evidence: list[Evidence]) -> None:
    """Our own ledger is no source that may be silent: the whole round is looked at again."""
    for one in evidence:
        if one.source == "ledger" and one.status == "error":
            raise Transient(f"the ledger did not tell {one.kind!r}: {one.summary}")


async def _glance(
    state: IncidentState, deps: Deps, alert: Alert, seen: Survey, round_: int
) -> IncidentState | None:
    """The end of what a shared sight shows to be well and nothing else contradicts, else None."""
    found = place(alert, seen.docker, seen.cluster, deps.limits)
    patient = facts_of(found, seen.docker) if isinstance(found, Found) else None
    if patient is None or not patient.well or not isinstance(found, Found):
        return None
    evidence = await observe(
        deps,
        alert=alert,
        target=found.target,
        everyone=seen.docker.containers,
        round_=round_,
        tried=tried(state),
        only=GLANCE,
    )
    _must_know_our_own(evidence)
    word = triage(situation(evidence), found.target.kind)
    if word.kind == "broken":
        return None
    ids = [one.id for one in evidence]
    said: Plain = {"ids": list(ids)}
    heard = _heard(evidence)
    await tell(
        deps, state["incident"], "evidence", heard, said, target=found.target, evidence=evidence
    )
    return {
        "target": found.target.plain(),
        "evidence": [*_still_of(state, found), *ids],
        "round": round_,
        "wake_at": None,
        "outcome": "folded" if state.get("parent") else "self_resolved",
        "reason": word.reason,
    }


def _still_of(state: IncidentState, found: Found) -> list[str]:
    """The older evidence, unless it is another target's: a host's, when its guest is back."""
    same = state.get("target") in (None, found.target.plain())
    return state.get("evidence", []) if same else []


async def _settle_or_claim(
    state: IncidentState, deps: Deps, evidence: list[Evidence], found: Found, seen: Survey
) -> IncidentState:
    incident, parent = state["incident"], state.get("parent")
    word = triage(situation(evidence), found.target.kind)
    if word.kind != "broken":
        outcome = "folded" if parent else "self_resolved"
        reason = "; ".join(part for part in (found.via, word.reason) if part)
        return {"outcome": outcome, "reason": reason}
    if known := await latched(state, deps, found) or await in_hand(state, deps, found, seen.docker):
        return known
    if soon := await too_early(state, deps, found, seen):
        return soon
    unwell = [one.target.key for one in below(found, seen.docker)]
    claim = await claimed(state, deps, found.target, unwell)
    if isinstance(claim, HeldBy):
        return await wait_for(state, deps, claim.incident)
    alone: IncidentState = {**state, "parent": None}  # the claim has parted it from its parent
    if known := await told_of(alone, deps, found, seen.docker):  # by who held it while we looked
        return known
    if unwell:
        await deps.ledger.stand_for(incident, unwell[0])
    await tell(deps, incident, "claimed", f"{found.target.key} is ours, fence {claim.fence}")
    return {"fence": claim.fence, "parent": None}


async def _later(state: IncidentState, deps: Deps, soon: str) -> IncidentState:
    await tell(deps, state["incident"], "evidence", soon)
    return {"wake_at": (deps.clock.now() + BOOT_LOOK).isoformat()}


def _unset(deps: Deps) -> list[Source]:
    ports: dict[Source, object] = {"prometheus": deps.metrics, "proxmox": deps.guests}
    return [source for source, port in ports.items() if port is None]


async def _nobody(
    state: IncidentState, deps: Deps, found: NotLocated, seen: Survey, round_: int
) -> IncidentState:
    """Diagnosed as far as the alert itself and its expression go."""
    alert, silent = Alert.parse(state["alert"]), silent_hosts(seen.docker, seen.cluster)
    host = "" if found.candidates else named_and_silent(alert, seen.docker)
    known = await silent_host(state, deps, host) if host else None
    if known:
        return known
    nobody = "container" if deps.guests is None else "container, guest or node"
    reason = _not_found(alert, found, nobody, silent)
    evidence = await observe_alert(deps, alert, round_)
    more: Plain = {"tried": list(found.tried), "degraded": {**silent}}
    await tell(deps, state["incident"], "evidence", reason, more, evidence=evidence)
    return {
        "target": None,
        "severity": alert.severity,
        "evidence": [one.id for one in evidence],
        "round": round_,
        "reason": reason,
        "wake_at": None,
    }


def _not_found(alert: Alert, found: NotLocated, nobody: str, silent: dict[str, str]) -> str:
    """Why there is no target; what we raised ourselves says what is wrong, and may need none."""
    ours = alert.summary if alert.source == "check" else ""
    if ours and not found.tried:
        return ours
    tried = ", ".join(found.tried) or "none that names a container"
    reason = f"no {nobody} answers to the alert's labels ({tried})"
    if found.candidates:
        reason = f"the alert's labels ({tried}) fit {', '.join(found.candidates)}"
    blind = [f"{system} {why}" for system, why in silent.items()]
    return "; ".join(part for part in (ours, found.why or reason, *blind) if part)


def _heard(evidence: list[Evidence]) -> str:
    good = [item.kind for item in evidence if item.status == "ok"]
    silent = [f"{item.kind} ({item.summary})" for item in evidence if item.status == "error"]
    return f"observed {', '.join(good)}" + (f"; blind: {', '.join(silent)}" if silent else "")
