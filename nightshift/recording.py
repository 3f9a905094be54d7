"""Everything that was written down of one incident, in one record. Not here: running it again."""

from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from langgraph.constants import START
from langgraph.types import StateSnapshot
from pydantic import Field

from domain.evidence import Evidence
from domain.facts import ContainerEvent, Inventory
from domain.incident import Episode, Incident
from domain.journal import Entry, Standing
from domain.plain import Plain, Record
from graph.build import build
from memory.store import Store
from nightshift.checkpoints import open_saver
from nightshift.runs import config_of

LOOK_BACK = timedelta(hours=1)
"""How long before an incident its story begins."""


class Step(Record):
    """One checkpoint: the whole state, the node that wrote it and the nodes that come next."""

    by: str
    values: Plain
    next: list[str] = Field(default_factory=list)


class Recording(Record):
    """An incident with its evidence, its checkpoints (oldest first) and what the ledger knew.

    `past` are other incidents of the same pattern, `standing` the past of all targets in the
    inventory without this incident's own attempts, `story` the target's last events, `ours` what
    we did to it.
    """

    incident: Incident
    evidence: list[Evidence] = Field(default_factory=list)
    steps: list[Step] = Field(default_factory=list)
    past: list[Episode] = Field(default_factory=list)
    standing: Standing = Field(default_factory=Standing)
    story: list[ContainerEvent] = Field(default_factory=list)
    ours: list[Entry] = Field(default_factory=list)

    def before(self, node: str) -> Step | None:
        """The first checkpoint from which this node came next."""
        return next((step for step in self.steps if node in step.next), None)


async def read_recording(store: Store, place: Path | str, incident_id: str) -> Recording:
    """Collect it from the store and the checkpoints beside it. Raises NotFound."""
    incident = await store.incident(incident_id)
    steps = steps_of(await _history(place, incident_id))
    ids = {one: None for step in steps for one in _evidence_ids(step.values)}
    evidence = await store.evidence(incident_id, list(ids))
    return Recording(
        incident=incident,
        evidence=evidence,
        steps=steps,
        standing=await _standing(store, incident_id, evidence),
        **await _of_target(store, incident),
    )


async def _of_target(store: Store, incident: Incident) -> dict[str, Any]:
    target = incident.target
    if target is None:
        return {}
    name, since = incident.alert.name, incident.opened_at - LOOK_BACK
    past = await store.past(alert_name=name, service=target.service, kind=target.kind)
    return {
        "past": [one for one in past if one.incident != incident.id],
        "story": await store.stop_story(target.key),
        "ours": await store.ours(target.key, since=since),
    }


def steps_of(history: list[StateSnapshot]) -> list[Step]:
    """A thread's checkpoints, oldest first, each with the node that wrote it."""
    steps: list[Step] = []
    for snapshot in history:
        written = next(iter(steps[-1].next), "") if steps else START
        if not snapshot.values:
            continue  # the empty checkpoint before the input
        known: dict[str, Any] = {"values": snapshot.values, "next": list(snapshot.next)}
        steps.append(Step(by=written, **known))
    return steps


async def _history(place: Path | str, incident: str) -> list[StateSnapshot]:
    """The incident's checkpoints, oldest first; none where nobody wrote any."""
    async with AsyncExitStack() as stack:
        saver = await stack.enter_async_context(open_saver(place))
        graph = build().compile(checkpointer=saver)
        found = [one async for one in graph.aget_state_history(config_of(incident))]
    return found[::-1]


def _evidence_ids(values: Plain) -> list[str]:
    ids = values.get("evidence")
    return [str(one) for one in ids] if isinstance(ids, list) else []


async def _standing(store: Store, incident: str, evidence: list[Evidence]) -> Standing:
    """The kill switch and earlier attempts; claims and approvals of then say nothing now."""
    seen = [Inventory.model_validate(one.data) for one in evidence if one.kind == "inventory"]
    keys = sorted({facts.target.key for one in seen for facts in one.containers})
    found = await store.standing(incident, thread=incident, fence=0, keys=keys)
    earlier = [one for one in found.recent if one.incident != incident]
    return Standing(paused=found.paused, recent=earlier)
