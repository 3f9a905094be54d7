"""Telling the ledger what happens, for people and live views. Not here: what to do."""

from domain.deps import Deps
from domain.incident import Event, EventKind
from domain.plain import Plain


async def tell(
    deps: Deps, incident: str, kind: EventKind, text: str, data: Plain | None = None
) -> None:
    """Record one event of this incident's story, dated now."""
    await deps.ledger.record(
        incident, Event(kind=kind, at=deps.clock.now(), text=text, data=data or {})
    )
