"""Sources of evidence that an operator adds. Not here: how they are loaded (tools/custom.py)."""

from typing import Protocol, runtime_checkable

from pydantic import Field

from domain.plain import Plain, Record
from domain.target import Kind

PREFIX = "custom_"
"""What the evidence kinds of added tools begin with, so that none can pass for one of ours."""
PLACES = ("target", "service", "project", "host", "kind")
"""The names that a tool may be told; a function may take `labels` too."""


class Subject(Record):
    """All that an added tool is told: what the target is called, and its container's labels.

    Nothing of the alert or of a log: their text comes from outside.
    """

    target: str
    service: str
    project: str
    host: str
    kind: Kind
    labels: dict[str, str] = Field(default_factory=dict)


@runtime_checkable
class EvidenceTool(Protocol):
    """One look at a target. It must not change anything: that is its author's promise."""

    @property
    def kind(self) -> str:
        """The evidence kind that conditions read, `custom_` and its name."""

    @property
    def line(self) -> str:
        """What it shows, in one line that its author wrote."""

    async def look(self, subject: Subject) -> Plain:
        """What it sees, bounded; nothing at all is no data. Raises Transient, Permanent."""
