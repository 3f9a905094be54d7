import os
from pathlib import Path
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from domain.decision import NeedsApproval
from domain.diagnosis import Diagnosis
from domain.incident import Attempt, Recall
from domain.remedy import Effect, Precondition, Remedy
from domain.state import GRAPH_VERSION, IncidentState
from domain.verdict import Signal, Verdict
from nightshift.checkpoints import open_checkpoints
from nightshift.testing import T0, container, firing

WEB = container("web", status="exited", exit_code=1)
EFFECT = Effect(
    verb="start",
    target=WEB.target,
    precondition=Precondition.of(WEB),
    network=WEB.networks[0],
)
FULL: IncidentState = {
    "graph_version": GRAPH_VERSION,
    "incident": "i-1",
    "alert": firing().plain(),
    "severity": "critical",
    "target": WEB.target.plain(),
    "evidence": ["alert@1", "container@1"],
    "round": 1,
    "fence": 7,
    "parent": None,
    "history": Recall(degraded="memory is out of order").plain(),
    "diagnosis": Diagnosis(
        cause="crashed", summary="ä", evidence=["a"], decided_by="runbook", skipped={"wait": "no"}
    ).plain(),
    "remedy": Remedy(
        name="start", target=WEB.target, effects=[EFFECT], risk="low", reversible=True,
        expect="running", undo="stop",
    ).plain(),
    "decision": NeedsApproval(rule="mode", reason="mode approve").plain(),
    "attempts": [
        Attempt(
            number=1, remedy="start", target=WEB.target, result="done", detail="", started_at=T0,
            finished_at=T0,
        ).plain()
    ],
    "verdict": Verdict(
        state="pending", reason="", signals=[Signal(name="probe", state="good", detail="", at=T0)]
    ).plain(),
    "wake_at": T0.isoformat(),
    "deadline": T0.isoformat(),
    "outcome": "resolved",
    "reason": "because",
    "notified": True,
    "stored": False,
}  # fmt: skip


def passing() -> StateGraph[IncidentState]:
    """A graph over the incident's channels that changes none."""

    def through(state: IncidentState) -> IncidentState:
        return {"reason": state["reason"]}

    graph = StateGraph(IncidentState)
    graph.add_node("through", through)
    graph.add_edge(START, "through")
    graph.add_edge("through", END)
    return graph


async def reopened(folder: Path) -> dict[str, Any]:
    """The full state, written to a checkpoint file and read by another process's saver."""
    config: Any = {"configurable": {"thread_id": "i-1"}}
    for given in (FULL, None):
        async with open_checkpoints(folder / "checkpoints.db") as saver:
            graph: CompiledStateGraph[Any, Any] = passing().compile(checkpointer=saver)
            if given:
                await graph.ainvoke(given, config, durability="sync")
            values = (await graph.aget_state(config)).values
    return dict(values)


def plain(value: object) -> bool:
    """Is it made of JSON's own types, exactly?"""
    if type(value) is dict:
        return all(type(key) is str and plain(one) for key, one in value.items())
    if type(value) is list:
        return all(plain(one) for one in value)
    return value is None or type(value) in (str, int, float, bool)


def test_every_channel_is_tried() -> None:
    """A channel that is added must be added here."""
    assert set(FULL) == set(IncidentState.__annotations__)


def test_the_serializer_is_strict() -> None:
    """The switch is set before LangGraph is imported."""
    assert os.environ["LANGGRAPH_STRICT_MSGPACK"] == "true"  # noqa: TID251  # this test is about that switch


async def test_every_channel_comes_back_as_it_was(tmp_path: Path) -> None:
    """What a checkpoint file gives back is equal, value for value."""
    assert await reopened(tmp_path) == FULL


async def test_every_channel_comes_back_plain(tmp_path: Path) -> None:
    """No class of ours or of a library is revived from a checkpoint."""
    values = await reopened(tmp_path)

    assert {name for name, value in values.items() if not plain(value)} == set()


async def test_records_rebuild_from_what_came_back(tmp_path: Path) -> None:
    """Each channel parses into the record it was made from."""
    values = await reopened(tmp_path)

    assert Remedy.parse(values["remedy"]).effects == [EFFECT]
    assert Verdict.parse(values["verdict"]).signals[0].at == T0
    assert Attempt.parse(values["attempts"][0]).started_at == T0
