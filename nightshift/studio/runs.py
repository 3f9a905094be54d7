"""Driving an incident as a Studio thread, so that people see it. Not here: Studio's own runs."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid5

from langgraph.checkpoint.memory import InMemorySaver
from langgraph_sdk.client import LangGraphClient

from domain.deps import Deps
from domain.incident import Incident
from domain.plain import Plain
from memory.store import Store
from nightshift.runs import Runs, first_state

GRAPH = "nightshift"
"""The graph's name in langgraph.json."""
LOOKS: list[str] = ["monitor", "verify"]
"""After these a run may have to wait, which holds no worker."""
THREADS = UUID("0d3b6c52-5b0f-5d1e-8a53-6a7f2f3f1c77")


def thread_of(incident: str) -> str:
    """The thread of a live incident: never its own id, under which alone a run may act."""
    return str(uuid5(THREADS, incident))


def described(incident: Incident) -> dict[str, Any]:
    """What Studio's list of threads shows beside one."""
    target = incident.target
    return {
        "incident": incident.id,
        "alert": incident.alert.name,
        "severity": incident.alert.severity,
        "target": target.name if target else str(incident.alert.labels.get("name", "")),
    }


class StudioRuns(Runs):
    """Workers that hand every segment to the server they live in, instead of running it."""

    def __init__(self, store: Store, deps: Deps, client: LangGraphClient) -> None:
        super().__init__(store, deps, InMemorySaver())
        self._client = client

    async def drive(self, incident_id: str) -> None:
        """Run this incident's thread to its end or its next wait, as the service would."""
        incident = await self._store.incident(incident_id)
        if incident.status == "done":
            return
        thread = thread_of(incident_id)
        given = await self._opened(incident, thread)
        while True:
            await self._client.runs.wait(
                thread, GRAPH, input=given, interrupt_after=LOOKS, durability="sync"
            )
            state = await self._client.threads.get_state(thread)
            if not state["next"] or state["interrupts"]:
                return
            wake = cast("Plain", state["values"]).get("wake_at")
            if wake:
                at = datetime.fromisoformat(str(wake))
                await self._store.wake(incident_id, why="wake", at=at)
                return
            given = None

    async def _opened(self, incident: Incident, thread: str) -> dict[str, Any] | None:
        """The thread, made where it is missing; and its first state, where it has none yet."""
        await self._client.threads.create(
            thread_id=thread,
            graph_id=GRAPH,
            if_exists="do_nothing",
            metadata=described(incident),
        )
        state = await self._client.threads.get_state(thread)
        if state["next"]:
            return None
        rounds = cast("Plain", state["values"] or {}).get("round", 0)
        return {**first_state(incident), "round": rounds}
