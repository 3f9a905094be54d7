"""Asking a model: what it is told, what it may answer, what that may cost. Not here: prompts, HTTP.

A model only chooses: among causes, remedies that code has built for this target, and probes that
only look. What it says is checked by policy/grounding.py before anything rests on it.
"""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from pydantic import Field

from domain.incident import Usage
from domain.plain import Record

OTHER = "other"
CAUSES: tuple[str, ...] = (
    "crashed",
    "crash_loop",
    "bad_config",
    "out_of_memory",
    "memory_leak",
    "host_out_of_memory",
    "hung",
    "not_serving",
    "dependency_down",
    "dependency_unwell",
    "network_cut",
    "volume_full",
    "start_refused",
    "flapping",
    "overloaded",
    "certificate_expired",
    "host_down",
    "stopped_by_person",
    "recovering",
    OTHER,
)
"""What a model may call the cause: the words that runbooks use too, so that memory compares."""
SUMMARY_CHARS = 200
PROBES_AT_MOST = 2
CALLS_AT_MOST = 2
"""Model calls in one incident, failed ones included."""


class Item(Record):
    """One observation as a model sees it: abstracted, redacted and bounded; untrusted text."""

    id: str
    kind: str
    source: str
    age_s: float
    text: str


class Option(Record):
    """Something on offer: its name, and one line about it that code wrote."""

    name: str
    line: str


class Question(Record):
    """All that a model is told of one incident.

    `rules` is what the rules make of it so far, `past` a line a similar incident. With `final`
    the answer has to decide: no probes are on offer any more. `incident` is for the budget only.
    """

    incident: str
    evidence: list[Item]
    past: list[str] = Field(default_factory=list)
    rules: str = ""
    remedies: list[Option]
    probes: list[Option] = Field(default_factory=list)
    causes: list[str] = Field(default_factory=lambda: list(CAUSES))
    final: bool = False


class Answer(Record):
    """What a model said, parsed and nothing more; `remedies` best first. `model` is its name."""

    cause: str
    summary: str
    evidence: list[str] = Field(default_factory=list)
    remedies: list[str] = Field(default_factory=list)
    probes: list[str] = Field(default_factory=list)
    model: str = ""


@runtime_checkable
class Reasoner(Protocol):
    """A model behind a budget."""

    async def diagnose(self, question: Question) -> Answer:
        """One call. Raises OverBudget (nothing was asked), NoAnswer, Transient, Permanent."""


class ModelCall(Record):
    """The most that one call can cost; `cost` in billionths of a dollar."""

    incident: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    cost: int


class Spent(Record):
    """What was spent or is reserved; costs in billionths of a dollar, UTC day and month."""

    calls: int = 0
    prompt_tokens: int = 0
    day: int = 0
    month: int = 0


Afford = Callable[[Spent], str]
"""Why a call must not be made, or an empty string."""


@runtime_checkable
class Purse(Protocol):
    """What model calls cost, on record before they are made."""

    async def reserve_call(self, call: ModelCall, afford: Afford) -> str:
        """In one transaction: read what was spent, decide, and write the call down as spent.

        Returns the key to settle it by. Raises OverBudget with the reason, Transient.
        """

    async def settle_call(self, key: str, used: Usage, cost: int) -> None:
        """Replace the reservation by what was really used. Raises NotFound, Transient."""
