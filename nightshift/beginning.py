"""Where a run begins that has no checkpoint to go on from. Not here: driving it.

There is none any more, or it is of an older graph. A run begins at monitor then, unless the
journal says that something was promised or done: nothing else may happen to a target before
that is settled and verified, or it would be done twice, or never be told.
"""

from collections.abc import Mapping, Sequence

from domain.decision import Allowed
from domain.incident import Incident
from domain.journal import Claimed, Entry
from domain.ports import Ledger
from domain.remedy import Remedy, RemedyName
from domain.state import IncidentState
from domain.target import Target


async def beginning(
    ledger: Ledger, incident: Incident, first: IncidentState, old: Mapping[str, object]
) -> tuple[IncidentState, str | None]:
    """The state to begin with, and the node after which it stands; None: before monitor.

    `first` is the state of a fresh run, `old` what an older checkpoint held: of that only the
    count of rounds and the evidence ids are taken, since ids once given are never given again.
    """
    state: IncidentState = {**first, "round": _round(old)}
    if incident.target is None:
        return state, None
    number = len(incident.attempts) + 1
    promised = await ledger.entries(incident.id, number)
    if promised:
        name = promised[0].intent.remedy
        known = await _known(ledger, incident, incident.target, name, promised, old)
        return {**state, **known, "decision": Allowed().plain()}, "analyse"
    return await _after_attempt(ledger, incident, incident.target, state, old)


async def _after_attempt(
    ledger: Ledger,
    incident: Incident,
    target: Target,
    state: IncidentState,
    old: Mapping[str, object],
) -> tuple[IncidentState, str | None]:
    """An attempt without a verdict is verified; one that healed is told."""
    last = incident.attempts[-1] if incident.attempts else None
    if last is None or last.result == "refused" or last.verdict not in ("pending", "healed"):
        return state, None
    done = await ledger.entries(incident.id, last.number)
    known = await _known(ledger, incident, target, last.remedy, done, old)
    if last.verdict == "pending" or incident.verdict is None:
        return {**state, **known}, "heal"
    return {**state, **known, "verdict": incident.verdict.plain()}, "verify"


async def _known(
    ledger: Ledger,
    incident: Incident,
    target: Target,
    name: RemedyName,
    entries: Sequence[Entry],
    old: Mapping[str, object],
) -> IncidentState:
    """What heal and verify read, rebuilt from ledger and journal; the claim is taken again."""
    remedy = Remedy(
        name=name,
        target=target,
        effects=[entry.intent.effect for entry in entries],
        risk="none",
        reversible=False,
        expect="",
        undo="",
    )
    claim = await ledger.claim(incident.id, sorted({target.key, *remedy.touches}))
    return {
        "target": target.plain(),
        "diagnosis": incident.diagnosis.plain() if incident.diagnosis else None,
        "remedy": remedy.plain(),
        "evidence": _evidence(old),
        "fence": claim.fence if isinstance(claim, Claimed) else 0,
    }


def _round(old: Mapping[str, object]) -> int:
    count = old.get("round", 0)
    return count if isinstance(count, int) else 0


def _evidence(old: Mapping[str, object]) -> list[str]:
    ids = old.get("evidence")
    return [one for one in ids if isinstance(one, str)] if isinstance(ids, list) else []
