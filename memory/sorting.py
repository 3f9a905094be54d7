"""What a delivery of alerts means, given what is known of their episodes. Not here: SQL."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from domain.alert import Alert
from domain.incident import Event
from memory.columns import plain_text, to_json

_ALERT = TypeAdapter(Alert)


@dataclass(frozen=True, kw_only=True)
class Known:
    """The newest incident of an episode."""

    id: str
    occurrence: int
    done: bool
    cleared: bool


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One alert as it came, and the incident it belongs to (empty: none)."""

    alert: Alert
    body: str
    incident: str


@dataclass(kw_only=True)
class Sorting:
    """Sorts alerts one after the other, as if each had come alone; fills the lists below."""

    tenant: str
    now: datetime
    newest: dict[str, Known]
    cleared_before: set[str]
    arrivals: list[Arrival] = field(default_factory=list)
    opened: list[tuple[Known, Alert]] = field(default_factory=list)
    cleared: list[str] = field(default_factory=list)
    told: list[tuple[str, Event]] = field(default_factory=list)

    def sort(self, alerts: Iterable[tuple[Alert, str]]) -> list[str]:
        """Sort these alerts and their JSON; returns their incidents without repeats."""
        for alert, body in alerts:
            known = self._firing(alert) if alert.status == "firing" else self._resolved(alert)
            incident = known.id if known else ""
            self.arrivals.append(Arrival(alert=alert, body=body, incident=incident))
        return [one for one in dict.fromkeys(row.incident for row in self.arrivals) if one]

    def _firing(self, alert: Alert) -> Known:
        episode = episode_of(alert)
        known = self.newest.get(episode)
        if known and not known.done:
            return known
        occurrence = known.occurrence + 1 if known else 1
        opened = Known(
            id=alert.incident_id(tenant=self.tenant, occurrence=occurrence),
            occurrence=occurrence,
            done=False,
            cleared=known is None and episode in self.cleared_before,
        )
        self.newest[episode] = opened
        self.opened.append((opened, alert))
        self._tell(opened.id, "received", alert.summary)
        if opened.cleared:
            self._tell(opened.id, "resolved_upstream", "it was resolved before it got here")
        return opened

    def _resolved(self, alert: Alert) -> Known | None:
        episode = episode_of(alert)
        known = self.newest.get(episode)
        if known is None:
            self.cleared_before.add(episode)
            return None
        if not known.done and not known.cleared:
            self.newest[episode] = Known(
                id=known.id, occurrence=known.occurrence, done=False, cleared=True
            )
            self.cleared.append(known.id)
            self._tell(known.id, "resolved_upstream", "the alert's source says it is resolved")
        return known

    def _tell(self, incident: str, kind: str, text: str) -> None:
        event = {"kind": kind, "at": self.now, "text": text}
        self.told.append((incident, Event.model_validate(event)))


def episode_of(alert: Alert) -> str:
    """What makes two deliveries the same alert; `alert` is `storable`."""
    return f"{alert.fingerprint}@{alert.starts_at.isoformat()}"


def storable(alert: Alert) -> tuple[Alert, str]:
    """The alert with its start in UTC and in clean text, and its JSON.

    The same moment told in another zone is the same episode; halves of surrogate pairs and NUL
    have no place in a database and would make the whole delivery fail for ever.
    """
    start, fingerprint = _in_utc(alert.starts_at), plain_text(alert.fingerprint)
    moved = alert
    if start.tzinfo is not alert.starts_at.tzinfo or fingerprint != alert.fingerprint:
        moved = alert.model_copy(update={"starts_at": start, "fingerprint": fingerprint})
    try:
        return moved, moved.model_dump_json()
    except PydanticSerializationError:
        text = to_json(_ALERT, moved)
        return Alert.model_validate_json(text), text


def digest(arrival: Arrival, *, tenant: str) -> str:
    """Equal for equal alerts of the same incident: what repeats are counted by."""
    whole = "\n".join((tenant, arrival.incident, arrival.body))
    return hashlib.sha256(whole.encode()).hexdigest()


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return moment.replace(tzinfo=UTC)
