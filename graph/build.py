"""The graph of an incident, as a builder: whoever compiles it chooses where checkpoints go."""

from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, RetryPolicy

from domain.deps import Deps
from domain.errors import Transient
from domain.state import IncidentState
from graph.routes import after_analyse, after_approve, after_heal, after_monitor, after_verify
from nodes.analyse import analyse
from nodes.approve import approve
from nodes.heal import heal
from nodes.learn import learn
from nodes.monitor import monitor
from nodes.notify import notify
from nodes.retrieve_history import retrieve_history
from nodes.verify import verify

NODE_TIMEOUT_S = 120.0
"""Longer than the slowest honest node: verify's hold, then a whole round of silent sources."""
ANALYSE_TIMEOUT_S = 300.0
"""Two calls to a slow model of one's own, and the probes between them."""
HEAL_TIMEOUT_S = 300.0
RETRY = RetryPolicy(max_attempts=3, initial_interval=0.2, retry_on=Transient)
NO_RETRY = RetryPolicy(max_attempts=1)


async def escalate(state: IncidentState, error: NodeError) -> Command[str]:
    """A node that fails for good ends the incident loudly, as our own fault.

    notify and learn have no handler: their error fails the run, and the next one goes on there.
    A handler that raises would leave a checkpoint from which nothing goes on.
    """
    reason = f"{error.node} failed: {type(error.error).__name__}: {error.error}"
    return Command(goto="notify", update={"outcome": "failed", "reason": reason})


def build() -> StateGraph[IncidentState, Deps]:
    """Nodes and edges of the lifecycle, uncompiled."""
    graph = StateGraph(IncidentState, context_schema=Deps)
    graph.set_node_defaults(timeout=NODE_TIMEOUT_S, retry_policy=RETRY)
    graph.add_node("monitor", monitor, error_handler=escalate)
    graph.add_node("retrieve-history", retrieve_history, error_handler=escalate)
    graph.add_node("analyse", analyse, timeout=ANALYSE_TIMEOUT_S, error_handler=escalate)
    graph.add_node("approve", approve, error_handler=escalate)
    graph.add_node(
        "heal", heal, retry_policy=NO_RETRY, timeout=HEAL_TIMEOUT_S, error_handler=escalate
    )
    graph.add_node("verify", verify, error_handler=escalate)
    graph.add_node("notify", notify)
    graph.add_node("learn", learn)
    graph.add_edge(START, "monitor")
    graph.add_conditional_edges("monitor", after_monitor)
    graph.add_edge("retrieve-history", "analyse")
    graph.add_conditional_edges("analyse", after_analyse)
    graph.add_conditional_edges("approve", after_approve)
    graph.add_conditional_edges("heal", after_heal)
    graph.add_conditional_edges("verify", after_verify)
    graph.add_edge("notify", "learn")
    graph.add_edge("learn", END)
    return graph
