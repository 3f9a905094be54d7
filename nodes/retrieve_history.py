"""retrieve-history: what happened before, what worked and what did not."""

from langgraph.runtime import Runtime

from domain.alert import Alert
from domain.deps import Deps
from domain.errors import NightshiftError
from domain.incident import PastIncident, Recall
from domain.plain import Plain
from domain.recall import symptom_text
from domain.state import IncidentState
from domain.target import Target
from nodes.story import tell


async def retrieve_history(state: IncidentState, runtime: Runtime[Deps]) -> IncidentState:
    """Similar incidents from the index, and the same ones from the ledger.

    An index that is down leaves `similar` empty and says so; the ledger's answer remains.
    """
    deps, alert = runtime.context, Alert.parse(state["alert"])
    where = state.get("target")
    target = Target.parse(where) if where else None
    similar, degraded = await _similar(deps, alert, target)
    exact = (
        await deps.ledger.past(alert_name=alert.name, service=target.service, kind=target.kind)
        if target
        else []
    )
    recall = Recall(similar=similar, exact=exact, degraded=degraded)
    data: Plain = {"similar": len(similar), **({"degraded": degraded} if degraded else {})}
    await tell(deps, state["incident"], "history", _words(recall), data)
    return {"history": recall.plain()}


async def _similar(
    deps: Deps, alert: Alert, target: Target | None
) -> tuple[list[PastIncident], str]:
    service, kind = (target.service, target.kind) if target else ("", "")
    symptom = symptom_text(alert.words, service=service, kind=kind, summary=alert.summary)
    try:
        return await deps.memory.similar(symptom, limit=deps.limits.similar_limit), ""
    except NightshiftError as error:
        return [], f"memory is out of order: {error}"


def _words(recall: Recall) -> str:
    if recall.degraded:
        return f"{recall.degraded}; {len(recall.exact)} from the ledger"
    best = f", best {recall.similar[0].score:.2f}" if recall.similar else ""
    return f"{len(recall.similar)} similar{best}; {len(recall.exact)} of the same kind"
