"""What takes the effects out of a run's ports. Not here: opening them (desk.py)."""

from dataclasses import fields, replace
from typing import Any, cast

from domain.deps import Deps
from domain.errors import Permanent
from domain.incident import Episode, PastIncident
from domain.ports import Ledger, Memory, Performed
from domain.remedy import Effect
from nightshift.studio.sketch import Sketch


class LookOnly:
    """A port that looks as ever; `perform` is refused, whoever asks."""

    def __init__(self, port: object) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        """Everything but effects is the port's own."""
        return getattr(self._port, name)

    async def perform(self, effect: Effect) -> Performed:
        """Raises Permanent."""
        raise Permanent(f"Studio has no effects: {effect.verb} was not sent")


class RecallOnly:
    """Past incidents by likeness; what is tried out in Studio teaches nothing."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def similar(self, symptom: str, *, limit: int) -> list[PastIncident]:
        """As the memory has it."""
        return await self._memory.similar(symptom, limit=limit)

    async def store(self, episode: Episode) -> None:
        """Store nothing."""


def harmless(deps: Deps) -> Deps:
    """These ports in mode observe, with every port that could act replaced by one that cannot."""
    ports = {field.name: getattr(deps, field.name) for field in fields(deps)}
    tamed: dict[str, Any] = {
        name: LookOnly(port) for name, port in ports.items() if hasattr(port, "perform")
    }
    return replace(
        deps,
        **tamed,
        ledger=cast("Ledger", Sketch(deps.ledger)),
        memory=RecallOnly(deps.memory),
        limits=deps.limits.model_copy(update={"mode": "observe"}),
    )
