"""What a run is given: ports and limits. Not here: how they are opened (nightshift/wiring.py)."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.limits import Limits
from domain.metrics import Metrics
from domain.ports import Clock, Containers, Guests, Ledger, Memory, Rulebook, Surveys
from domain.reasoning import Reasoner
from domain.silence import Silences
from domain.tooling import EvidenceTool


@dataclass(kw_only=True)
class Deps:
    """The context of a run: `Runtime[Deps]`. Never checkpointed."""

    clock: Clock
    containers: Containers
    metrics: Metrics | None
    ledger: Ledger
    memory: Memory
    rulebook: Rulebook
    limits: Limits
    guests: Guests | None = None
    silences: Silences | None = None
    reasoner: Reasoner | None = None
    tools: Sequence[EvidenceTool] = ()
    surveys: Surveys | None = None
    """Shared looks at everything; without them each look is its own."""
