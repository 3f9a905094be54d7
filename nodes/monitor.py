"""monitor: what is broken, is it still, and who is at work on it?"""

from datetime import timedelta

from langgraph.runtime import Runtime

from domain.alert import Alert
from domain.deps import Deps
from domain.evidence import Evidence, Source, situation
from domain.incident import Incident
from domain.journal import HeldBy
from domain.plain import Plain
from domain.state import IncidentState
from domain.target import Found, NotLocated
from nodes.case import tried
from nodes.observe import observe, observe_alert
from nodes.reach import survey
from nodes.story import tell
from policy.degraded import silent_hosts, silent_sources
from policy.ladder import Scene
from policy.place import booting, place
from policy.triage import triage

PARENT_LOOK = timedelta(minutes=15)
"""A parent's end wakes its folded ones; this is the net below."""
BOOT_LOOK = timedelta(seconds=15)
SAME_OUTAGE = timedelta(minutes=10)
"""How long before an alert began people may have been told of what it is a consequence of."""


async def monitor(state: IncidentState, runtime: Runtime[Deps]) -> IncidentState:
    """Find the target by code, gather evidence, and claim or fold.

    Writes target, evidence and severity; an outcome where nothing is left to do; `wake_at`
    and `parent` while another incident is at work on the same cause.
    """
    deps, incident = runtime.context, state["incident"]
    alert = Alert.parse(state["alert"])
    if await _parent_at_work(state, deps):
        return {"wake_at": (deps.clock.now() + PARENT_LOOK).isoformat()}
    inventory, cluster = await survey(deps)
    found = place(alert, inventory, cluster, deps.limits)
    round_ = state.get("round", 0) + 1
    if isinstance(found, NotLocated):
        soon = "" if found.candidates else booting(inventory, cluster, deps.limits)
        if soon:
            return await _later(state, deps, soon)
        return await _nobody(state, deps, found, silent_hosts(inventory, cluster), round_)
    evidence = await observe(
        deps,
        alert=alert,
        target=found.target,
        everyone=inventory.containers,
        cluster=cluster,
        round_=round_,
        tried=tried(state),
    )
    ids = await deps.ledger.keep_evidence(incident, evidence)
    known: IncidentState = {
        "target": found.target.plain(),
        "severity": alert.severity,
        "evidence": [*_still_of(state, found), *ids],
        "round": round_,
        "wake_at": None,
    }
    await deps.ledger.update(incident, target=found.target)
    heard = "; ".join(part for part in (found.via, _heard(evidence)) if part)
    silent = silent_hosts(inventory, cluster) | silent_sources(evidence, unset=_unset(deps))
    await tell(deps, incident, "evidence", heard, {"ids": list(ids), "degraded": {**silent}})
    return {**known, **await _settle_or_claim(state, deps, evidence, found)}


def _still_of(state: IncidentState, found: Found) -> list[str]:
    """The older evidence, unless it is another target's: a host's, when its guest is back."""
    same = state.get("target") in (None, found.target.plain())
    return state.get("evidence", []) if same else []


async def _parent_at_work(state: IncidentState, deps: Deps) -> bool:
    parent = state.get("parent")
    return bool(parent) and (await deps.ledger.incident(str(parent))).status != "done"


async def _settle_or_claim(
    state: IncidentState, deps: Deps, evidence: list[Evidence], found: Found
) -> IncidentState:
    incident, parent = state["incident"], state.get("parent")
    word = triage(situation(evidence), found.target.kind)
    if word.kind != "broken":
        outcome = "folded" if parent else "self_resolved"
        reason = "; ".join(part for part in (found.via, word.reason) if part)
        return {"outcome": outcome, "reason": reason}
    told = await _told(state, deps, found)
    if told:
        return await _part_of(state, deps, found, told)
    claim = await deps.ledger.claim(incident, [found.target.key])
    holder = claim.incident if isinstance(claim, HeldBy) else await _below(deps, incident, evidence)
    if holder:
        await deps.ledger.fold(incident, holder)
        return {"parent": holder, "wake_at": (deps.clock.now() + PARENT_LOOK).isoformat()}
    assert not isinstance(claim, HeldBy)  # noqa: S101  # holder covers the other case
    await tell(deps, incident, "claimed", f"{found.target.key} is ours, fence {claim.fence}")
    return {"fence": claim.fence, "parent": None}


async def _told(state: IncidentState, deps: Deps, found: Found) -> Incident | None:
    """The incident by which people know already that what the alert's target stands on is down.

    It ended, so there is nothing to wait for, and telling it once for each victim helps nobody.
    """
    if not found.via and found.target.kind != "node":
        return None
    told = await deps.ledger.told(found.target.key)
    began = Alert.parse(state["alert"]).starts_at
    if told is None or told.id == state["incident"] or told.closed_at is None:
        return None
    return told if told.closed_at >= began - SAME_OUTAGE else None


async def _part_of(state: IncidentState, deps: Deps, found: Found, told: Incident) -> IncidentState:
    if state.get("parent") != told.id:
        await deps.ledger.fold(state["incident"], told.id)
    below = found.via or f"{found.target.name} is down"
    return {
        "parent": told.id,
        "outcome": "folded",
        "reason": f"{below}; people were told in incident {told.id}",
    }


async def _below(deps: Deps, incident: str, evidence: list[Evidence]) -> str | None:
    """The incident that is at work on something this target stands on, if that is unwell."""
    scene = next((Scene.parse(one.data) for one in evidence if one.kind == "scene"), None)
    for facts in scene.dependencies if scene else []:
        holder = None if facts.well else await deps.ledger.holder(facts.target.key)
        if holder and holder != incident:
            return holder
    return None


async def _later(state: IncidentState, deps: Deps, soon: str) -> IncidentState:
    await tell(deps, state["incident"], "evidence", soon)
    return {"wake_at": (deps.clock.now() + BOOT_LOOK).isoformat()}


def _unset(deps: Deps) -> list[Source]:
    ports: dict[Source, object] = {"prometheus": deps.metrics, "proxmox": deps.guests}
    return [source for source, port in ports.items() if port is None]


async def _nobody(
    state: IncidentState, deps: Deps, found: NotLocated, silent: dict[str, str], round_: int
) -> IncidentState:
    """Diagnosed as far as the alert itself and its expression go."""
    alert = Alert.parse(state["alert"])
    nobody = "container" if deps.guests is None else "container, guest or node"
    reason = _not_found(alert, found, nobody, silent)
    evidence = await observe_alert(deps, alert, round_)
    ids = await deps.ledger.keep_evidence(state["incident"], evidence)
    more: Plain = {"tried": list(found.tried), "degraded": {**silent}}
    await tell(deps, state["incident"], "evidence", reason, more)
    return {
        "target": None,
        "severity": alert.severity,
        "evidence": ids,
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
