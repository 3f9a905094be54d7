"""learn: the outcome into the ledger first, then into memory; failed remedies too."""

from contextlib import suppress
from typing import cast

from langgraph.runtime import Runtime

from domain.alert import Alert
from domain.deps import Deps
from domain.diagnosis import Diagnosis
from domain.errors import NightshiftError
from domain.incident import Attempt, Episode, Event, Incident, Outcome
from domain.recall import symptom_text
from domain.remedy import RemedyName
from domain.state import IncidentState
from policy.outcome import proven


async def learn(state: IncidentState, runtime: Runtime[Deps]) -> IncidentState:
    """Close the incident and keep its episode; an index that is down is filled up later."""
    deps, incident = runtime.context, state["incident"]
    outcome = cast("Outcome", state["outcome"])
    episode = _episode(state, await deps.ledger.incident(incident), deps)
    reason = state.get("reason", "")
    await deps.ledger.finish(incident, outcome, reason, episode, event=_learned(episode, deps))
    if episode:
        with suppress(NightshiftError):  # its health says so, and the ledger fills it up later
            await deps.memory.store(episode)
    return {"stored": True}


def _learned(episode: Episode | None, deps: Deps) -> Event | None:
    if episode is None:
        return None
    failed = f"; did not work: {', '.join(episode.failed)}" if episode.failed else ""
    words = f"{episode.cause}: {episode.healed_by or episode.outcome}{failed}"
    return Event(kind="learned", at=deps.clock.now(), text=words)


def _episode(state: IncidentState, incident: Incident, deps: Deps) -> Episode | None:
    """What this incident teaches; one without a target teaches nothing."""
    if incident.target is None or state["outcome"] in ("folded", "failed"):
        return None
    alert, target = Alert.parse(state["alert"]), incident.target
    values = state.get("diagnosis")
    diagnosis = Diagnosis.parse(values) if values else None
    attempts = [Attempt.parse(one) for one in state.get("attempts", [])]
    healed, failed = proven(attempts)
    now = deps.clock.now()
    return Episode(
        incident=incident.id,
        alert_name=alert.name,
        service=target.service,
        kind=target.kind,
        cause=diagnosis.cause if diagnosis else "none",
        severity=alert.severity,
        symptom=symptom_text(
            alert.words, service=target.service, kind=target.kind, summary=alert.summary
        ),
        root_cause=diagnosis.summary if diagnosis else state.get("reason", ""),
        remediation_taken=healed or ", ".join(failed) or "none",
        outcome=cast("Outcome", state["outcome"]),
        healed_by=cast("RemedyName | None", healed),
        failed=cast("list[RemedyName]", failed),
        resolution_time=(now - incident.opened_at).total_seconds(),
        at=now,
    )
