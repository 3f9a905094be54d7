"""The control's nodes: heal as it is written where nobody thinks of a crash. Not here: wires.

It calls Docker and returns; LangGraph's checkpoint is all that remembers. Everything else is the
product's own.
"""

from langgraph.runtime import Runtime

from domain.decision import Allowed
from domain.deps import Deps
from domain.errors import NightshiftError
from domain.incident import Attempt
from domain.remedy import Remedy
from domain.state import IncidentState
from graph import build
from nodes.reach import act


async def heal(state: IncidentState, runtime: Runtime[Deps]) -> IncidentState:
    """Do what was decided."""
    deps, remedy = runtime.context, Remedy.parse(state["remedy"] or {})
    began = deps.clock.now()
    detail = "done"
    try:
        for effect in remedy.effects:
            await act(deps, effect)
    except NightshiftError as error:
        detail = str(error)
    attempt = Attempt(
        number=len(state["attempts"]) + 1,
        remedy=remedy.name,
        target=remedy.target,
        touched=[effect.target.name for effect in remedy.effects],
        result="done" if detail == "done" else "unknown",
        detail=detail,
        started_at=began,
        finished_at=deps.clock.now(),
    )
    attempts = [*state["attempts"], attempt.plain()]
    decision = Allowed(reason="naive").plain()
    return {"attempts": attempts, "decision": decision, "deadline": None, "wake_at": None}


def without_a_journal() -> None:
    """Let the graph be built with this heal from now on."""
    setattr(build, "heal", heal)  # noqa: B010  # an import of that module, replaced from outside
