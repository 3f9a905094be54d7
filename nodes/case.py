"""What a run knows by now, as policy wants it: the same in every node."""

from domain.deps import Deps
from domain.diagnosis import Diagnosis
from domain.evidence import Evidence
from domain.facts import Inventory
from domain.guests import GuestInventory
from domain.plain import JsonValue
from domain.remedy import Remedy
from domain.state import IncidentState
from policy.desired import Stop
from policy.guard import UNSEEN, Case


def tried(state: IncidentState) -> list[str]:
    """The remedies of this incident that were carried out; a refused one was not tried."""
    attempts = state.get("attempts", [])
    return [str(one["remedy"]) for one in attempts if one["result"] != "refused"]


def case_of(
    state: IncidentState,
    deps: Deps,
    remedy: Remedy,
    diagnosis: Diagnosis,
    latest: list[Evidence],
) -> Case:
    """What the rules look at; `latest` is the newest observation of each kind."""
    kinds = {item.kind: item.data for item in latest if item.status == "ok"}
    return Case(
        remedy=remedy,
        cited=[item for item in latest if item.id in diagnosis.evidence],
        stop=Stop.model_validate(kinds["stop"]) if "stop" in kinds else UNSEEN,
        stops=_stops(kinds.get("stops", {}).get("targets", {})),
        silenced=str(kinds.get("silences", {}).get("said", "")),
        everyone=Inventory.model_validate(kinds.get("inventory", {"containers": []})).containers,
        limits=deps.limits,
        now=deps.clock.now(),
        attempts=len(tried(state)),
        cluster=GuestInventory.model_validate(kinds.get("cluster", {})),
    )


def _stops(told: JsonValue) -> dict[str, Stop]:
    found = told if isinstance(told, dict) else {}
    return {key: Stop.model_validate(one) for key, one in found.items()}
