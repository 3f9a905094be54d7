"""One more round of evidence about a target in hand. Not here: finding it (monitor.py)."""

from domain.alert import Alert
from domain.deps import Deps
from domain.evidence import Evidence
from domain.state import IncidentState
from domain.target import Target
from nodes.case import tried
from nodes.observe import observe
from nodes.reach import survey


async def observe_again(state: IncidentState, deps: Deps, target: Target) -> list[Evidence]:
    """The next round's observations, not kept yet; none where the container is gone."""
    inventory, cluster = await survey(deps)
    if target.kind == "container" and all(one.target != target for one in inventory.containers):
        return []
    return await observe(
        deps,
        alert=Alert.parse(state["alert"]),
        target=target,
        everyone=inventory.containers,
        cluster=cluster,
        round_=state.get("round", 0) + 1,
        tried=tried(state),
    )
