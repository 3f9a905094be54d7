"""Facts of guests, nodes and hosts turned into the evidence that runbooks read (docs/evidence.md).

Not here: fetching them, or containers (reading.py).
"""

from datetime import datetime

from domain.guests import GuestFacts, NodeFacts
from domain.plain import Plain
from policy.desired_guest import REBOOTS, STARTS, STOPS
from policy.ground import Bearer, state_of
from policy.reading import EVENT_WINDOW

SHORT_OF_MEMORY = 0.95


def guest_data(facts: GuestFacts) -> Plain:
    """The guest's own state."""
    return {
        "exists": True,
        "name": facts.target.name,
        "vmid": facts.target.id,
        "type": facts.target.kind,
        "node": facts.target.host,
        "status": facts.status,
        "lock": facts.lock,
        "task": facts.task,
        "ha_state": facts.ha_state,
        "onboot": facts.onboot,
        "template": facts.template,
        "memory_limit": facts.memory_limit,
        "memory_usage": facts.memory_usage,
        "memory_ratio": ratio(facts),
        "oom_events": facts.oom_events,
        **_uptime(facts),
    }


def ratio(facts: GuestFacts | NodeFacts) -> float:
    """The share of its memory in use; 0 where that is not known."""
    return facts.memory_usage / facts.memory_limit if facts.memory_limit else 0.0


def short_of_memory(facts: GuestFacts) -> bool:
    """A container that has (next to) no memory left; a VM's own cache looks the same."""
    return facts.target.kind == "lxc" and facts.running and ratio(facts) >= SHORT_OF_MEMORY


def node_data(facts: NodeFacts) -> Plain:
    """A node's state."""
    return {
        "name": facts.target.name,
        "online": facts.online,
        "memory_ratio": ratio(facts),
        **_uptime(facts),
    }


def host_data(docker_host: str, bearer: Bearer, node: NodeFacts | None) -> Plain:
    """The guest or node that carries a Docker host."""
    online = node.online if node else True
    up = online and (bearer.running if isinstance(bearer, GuestFacts) else bearer.online)
    return {
        "name": bearer.target.name,
        "docker_host": docker_host,
        "type": bearer.target.kind,
        "node": bearer.target.host,
        "status": state_of(bearer),
        "up": up,
        "node_online": online,
        **_uptime(bearer),
    }


def _uptime(facts: Bearer) -> Plain:
    """Left out where it is not told: then no condition on it holds."""
    return {} if facts.uptime_s is None else {"uptime_s": facts.uptime_s}


def booted_data(docker_host: str, uptime_s: float) -> Plain:
    """A Docker host of which only the node exporter tells, and that therefore is up."""
    return {
        "name": docker_host,
        "docker_host": docker_host,
        "type": "host",
        "node": "",
        "status": "running",
        "up": True,
        "uptime_s": uptime_s,
        "node_online": True,
    }


def tasks_data(facts: GuestFacts, *, ours: list[datetime], now: datetime) -> Plain:
    """How often it was started and stopped lately according to the task log, not by us."""
    since = now - EVENT_WINDOW
    lately = [
        one.kind
        for one in facts.tasks
        if one.started_at >= since
        and not any(0 <= (one.started_at - when).total_seconds() + 2 <= 15 for when in ours)
    ]
    return {
        "starts": sum(kind in STARTS for kind in lately),
        "dies": sum(kind in STOPS | REBOOTS for kind in lately),
        "ooms": facts.oom_events,
        "window_s": EVENT_WINDOW.total_seconds(),
    }
