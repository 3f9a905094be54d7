"""Docker's events, reduced to who did what. Not here: what follows, or the streams.

A container that goes down leaves its networks, one that starts joins them; Docker reports both as
`disconnect` and `connect`, as if somebody had done it. Those are left out: what remains was asked
for through the API.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.facts import ContainerEvent

ACTIONS = (
    "die", "kill", "stop", "start", "pause", "unpause", "oom", "restart", "destroy", "rename",
    "update", "health_status", "connect", "disconnect",
)  # fmt: skip
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def stamp(moment: datetime) -> str:
    """`seconds.nanoseconds`, as the Engine API takes a time."""
    passed = moment - EPOCH
    return f"{passed // timedelta(seconds=1)}.{passed.microseconds:06d}000"


def of_container(container: str) -> dict[str, list[str]]:
    """The filters that let through what happened to this container."""
    return {"type": ["container"], "container": [container], "event": list(ACTIONS)}


@dataclass
class Reducer:
    """One host's events as ContainerEvents; `names` maps container ids to names.

    `torn` holds, per container seen to die, the networks it has left since.
    """

    host: str
    names: dict[str, str] = field(default_factory=dict)
    torn: dict[str, set[str]] = field(default_factory=dict)

    def reduce(self, event: dict[str, Any]) -> ContainerEvent | None:
        """Parse one event; None for what nobody did or what belongs to no known container."""
        kind, attributes = event.get("Type"), event["Actor"].get("Attributes") or {}
        verb, _, rest = str(event["Action"]).partition(":")
        if kind == "network":
            container, network = attributes.get("container", ""), attributes.get("name", "")
            return self._network(event, verb, container, network)
        if kind != "container" or verb not in ACTIONS:
            return None
        container = event["Actor"]["ID"]
        self._remember(verb, container, attributes.get("name", ""))
        return self._event(event, verb, container, attributes, health=rest.strip())

    def _remember(self, verb: str, container: str, name: str) -> None:
        self.names[container] = name
        if verb == "die":
            self.torn[container] = set()
        elif verb in {"start", "destroy"}:
            self.torn.pop(container, None)

    def _network(
        self, event: dict[str, Any], verb: str, container: str, network: str
    ) -> ContainerEvent | None:
        if container not in self.names or self._by_itself(verb, container, network):
            return None
        return self._event(event, verb, container, {}, network=network)

    def _by_itself(self, verb: str, container: str, network: str) -> bool:
        """Whether this comes with the container's own end or start."""
        left = self.torn.get(container)
        if left is None:
            return False
        if verb == "connect":
            left.discard(network)
            return True
        first = network not in left
        left.add(network)
        return first

    def _event(
        self,
        event: dict[str, Any],
        verb: str,
        container: str,
        attributes: dict[str, str],
        *,
        network: str = "",
        health: str = "",
    ) -> ContainerEvent:
        code = attributes.get("exitCode") if verb == "die" else None
        return ContainerEvent(
            target_key=f"container:{self.host}/{self.names[container]}",
            container_id=container,
            action=verb,
            at=EPOCH + timedelta(microseconds=int(event["timeNano"]) // 1000),
            exit_code=None if code is None else int(code),
            signal=attributes.get("signal", "") if verb == "kill" else "",
            network=network,
            health=health,
        )
