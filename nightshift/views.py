"""An incident as the one JSON object that HTTP, the CLI and the demo show. Not here: layout."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from domain.errors import Conflict
from domain.evidence import Evidence
from domain.incident import Incident
from domain.journal import Latch
from domain.plain import JsonValue, Plain
from domain.store import Inbox, Reading, TimelineEvent


@runtime_checkable
class Books(Inbox, Reading, Protocol):
    """What the faces ask of the store."""

    async def incident(self, incident: str) -> Incident:
        """One incident. Raises NotFound."""

    async def evidence(self, incident: str, ids: Sequence[str]) -> list[Evidence]:
        """The observations with these ids, in that order."""

    async def unlatch(self, name: str, *, by: str, reason: str = "") -> Latch:
        """Set a target free. Raises NotFound, Conflict."""


async def unlatched(books: Books, name: str, *, by: str, reason: str = "") -> list[str]:
    """Set a target free, and open its alert once more: the incidents that look at it now.

    Raises NotFound (it is not latched), Conflict (the name is that of several).
    """
    latch = await books.unlatch(name, by=by, reason=reason)
    told = await books.incident(latch.incident)
    return await books.accept([told.alert])


def brief(incident: Incident) -> Plain:
    """One line of a list: who, what, how it stands."""
    target, diagnosis = incident.target, incident.diagnosis
    return {
        "id": incident.id,
        "status": incident.status,
        "outcome": incident.outcome,
        "alert_name": incident.alert.name,
        "severity": incident.alert.severity,
        "target": target.name if target else None,
        "cause": diagnosis.cause if diagnosis else None,
        "remedies": [attempt.remedy for attempt in incident.attempts],
        "reason": incident.reason,
        "opened_at": incident.opened_at.isoformat(),
        "closed_at": incident.closed_at.isoformat() if incident.closed_at else None,
        "resolution_s": seconds_open(incident),
    }


def seconds_open(incident: Incident) -> float | None:
    """Seconds from its opening to its end; None while it is open."""
    if incident.closed_at is None:
        return None
    return round((incident.closed_at - incident.opened_at).total_seconds(), 3)


def whole(
    incident: Incident,
    timeline: Sequence[TimelineEvent],
    evidence: Sequence[Evidence] = (),
    approval: Plain | None = None,
) -> Plain:
    """Everything that is known of one incident.

    `evidence` is what its diagnosis cites, without the raw data (log text stays in the ledger).
    """
    cited: list[JsonValue] = [item.model_dump(mode="json", exclude={"data"}) for item in evidence]
    story: list[JsonValue] = [event.plain() for event in timeline]
    return {
        **incident.plain(),
        "severity": incident.alert.severity,
        "resolution_s": seconds_open(incident),
        "evidence": cited,
        "approval": approval,
        "timeline": story,
    }


async def one(books: Books, incident_id: str) -> Plain:
    """Read and render one incident. Raises NotFound."""
    incident, timeline = await books.story(incident_id)
    cited = incident.diagnosis.evidence if incident.diagnosis else []
    return whole(
        incident,
        timeline,
        await books.evidence(incident_id, cited) if cited else (),
        await books.pending_approval(incident_id),
    )


async def open_request(books: Books, incident_id: str) -> str:
    """The digest of the request that waits for a person's word.

    Raises NotFound (no such incident), Conflict (nobody is asked).
    """
    request = await books.pending_approval(incident_id)
    if request is None:
        status = (await books.incident(incident_id)).status
        raise Conflict(f"incident {incident_id} is {status} and waits for no answer")
    return str(request["digest"])
