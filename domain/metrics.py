"""What Prometheus is asked, and what it answers. Not here: what follows from it (policy)."""

from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from pydantic import Field

from domain.alert import Alert
from domain.facts import ContainerFacts
from domain.plain import Record


class Sample(Record):
    """One series' value at one time."""

    labels: dict[str, str]
    value: float
    at: datetime


class Answer(Record):
    """What Prometheus said to `query`; no samples means no data."""

    query: str
    samples: list[Sample] = Field(default_factory=list)


class Expression(Record):
    """The alert's own expression, evaluated by our Prometheus.

    `firing`, `clear` (its series exist and do not match) or `blind` (no series, no expression,
    no answer); `range_s` is the longest range or lookback in it: how far back it can see.
    """

    state: Literal["firing", "clear", "blind"]
    query: str
    detail: str
    range_s: float = 0.0


class Probe(Record):
    """An outside check (blackbox `probe_success`) of this container; `at` is the sample's own time.

    `absent`: nobody probes it. `unknown`: it is probed, but the sample is stale or unreadable.
    """

    state: Literal["good", "bad", "absent", "unknown"]
    query: str
    detail: str
    at: datetime | None = None


@runtime_checkable
class Metrics(Protocol):
    """Our own Prometheus."""

    async def instant(self, query: str) -> Answer:
        """Evaluate now. Raises Transient, Permanent (bad query)."""

    async def range(self, query: str, *, start: datetime, end: datetime, step_s: float) -> Answer:
        """Evaluate over a window; one sample a step and series. Raises Transient, Permanent."""

    async def firing(self) -> list[Alert]:
        """Alerts that fire now according to Prometheus itself. Raises Transient, Permanent."""

    async def expression(self, alert: Alert) -> Expression:
        """Evaluate the alert's `g0.expr` for its labels here, never at the poster's host."""

    async def probe(self, facts: ContainerFacts) -> Probe:
        """What outside checks say about this container's published ports, address or name."""

    async def volumes(self, facts: ContainerFacts) -> Answer:
        """Free share (0..1) of the file systems that carry its mounts, by `mountpoint`."""
