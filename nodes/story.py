"""Telling the ledger what happens, for people and live views. Not here: what to do."""

from collections.abc import Sequence
from typing import TypedDict

from typing_extensions import Unpack

from domain.deps import Deps
from domain.diagnosis import Diagnosis
from domain.evidence import Evidence
from domain.incident import Attempt, Event, EventKind
from domain.plain import Plain
from domain.target import Target
from domain.verdict import Verdict


class Known(TypedDict, total=False):
    """What `Ledger.update` takes."""

    target: Target
    diagnosis: Diagnosis
    attempts: Sequence[Attempt]
    verdict: Verdict
    evidence: Sequence[Evidence]


async def tell(
    deps: Deps,
    incident: str,
    kind: EventKind,
    text: str,
    data: Plain | None = None,
    **known: Unpack[Known],
) -> None:
    """Record one event of this incident's story, dated now, with what it made known."""
    event = Event(kind=kind, at=deps.clock.now(), text=text, data=data or {})
    if known:
        await deps.ledger.update(incident, event=event, **known)
    else:
        await deps.ledger.record(incident, event)
