"""The closed set of things that may be done to a target. Not here: whether one is allowed."""

import hashlib
import json
from typing import Literal

from pydantic import Field

from domain.facts import ContainerFacts, Network
from domain.guests import GuestFacts
from domain.plain import Record
from domain.target import Target

RemedyName = Literal[
    "wait",
    "start",
    "unpause",
    "reconnect_network",
    "raise_memory",
    "start_dependency",
    "restart",
    "restart_dependency",
    "restart_dependents",
    "start_guest",
    "resume_guest",
    "raise_guest_memory",
    "reboot_guest",
    "escalate",
]
Risk = Literal["none", "low", "medium", "high"]
StatusClass = Literal["up", "down", "paused", "looping", "unknown"]
Verb = Literal[
    "start",
    "unpause",
    "restart",
    "connect_network",
    "update_memory",
    "start_guest",
    "resume_guest",
    "reboot_guest",
    "raise_guest_memory",
]

LADDER: tuple[RemedyName, ...] = (
    "wait",
    "start",
    "unpause",
    "reconnect_network",
    "raise_memory",
    "start_dependency",
    "restart",
    "restart_dependency",
    "restart_dependents",
    "start_guest",
    "resume_guest",
    "raise_guest_memory",
    "reboot_guest",
    "escalate",
)
"""Least disruptive first; the order of every ladder, whatever a runbook or a model says."""


class Precondition(Record):
    """The stable facts a remedy was decided on; no timestamps, which change in a crash loop.

    Of a guest `container_id` is its number, and there is no image.
    """

    container_id: str
    image_id: str
    config_digest: str
    status_class: StatusClass

    @classmethod
    def of(cls, facts: ContainerFacts | GuestFacts) -> "Precondition":
        """The precondition that `facts` satisfy now."""
        return cls(
            container_id=facts.target.id,
            image_id=facts.image_id if isinstance(facts, ContainerFacts) else "",
            config_digest=facts.config_digest,
            status_class=_CLASSES.get(facts.status, "down"),
        )


_CLASSES: dict[str, StatusClass] = {
    "running": "up",
    "paused": "paused",
    "suspended": "paused",
    "restarting": "looping",
    "unknown": "unknown",
}


class Effect(Record):
    """One change to one target: what is journalled, done once and looked for afterwards.

    `memory_bytes` belongs to `update_memory` and `raise_guest_memory`, `network` to
    `connect_network`.
    """

    verb: Verb
    target: Target
    precondition: Precondition
    memory_bytes: int = 0
    network: Network | None = None


class Remedy(Record):
    """A rung of the ladder, built by code for one target, with everything it would change."""

    name: RemedyName
    target: Target
    effects: list[Effect] = Field(default_factory=list)
    risk: Risk
    reversible: bool
    expect: str
    undo: str
    advice: str = ""

    @property
    def digest(self) -> str:
        """Binds an approval to this remedy on these stable facts."""
        body = json.dumps([self.name, [effect.plain() for effect in self.effects]], sort_keys=True)
        return hashlib.sha256(body.encode()).hexdigest()[:16]

    @property
    def touches(self) -> list[str]:
        """The keys of all targets it acts on, sorted: the order in which they are claimed."""
        return sorted({effect.target.key for effect in self.effects})
