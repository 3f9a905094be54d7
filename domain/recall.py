"""What memory compares and where it gets it from. Not here: vectors, scores, storage."""

import re
from typing import Protocol, runtime_checkable

from domain.incident import Episode

_CHANGING = re.compile(
    r"\b[0-9a-f]{12,64}\b"  # container ids
    r"|\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b"  # addresses
    r"|\b\d+(?:\.\d+)?\s?(?:%|[KMGT]i?B\b|m?s\b)?"  # values
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
SYMPTOM_CHARS = 240


def symptom_text(words: str, *, service: str, kind: str, summary: str) -> str:
    """What is embedded of an incident, when it is stored and when it is looked for.

    `words` is the alert's name (camel case is split here too), `summary` one sentence of what is
    seen; values, addresses and ids are left out of it, or the same fault would look new each
    time. A remedy never belongs in here: symptoms are compared with symptoms.
    """
    seen = " ".join(_CHANGING.sub(" ", summary).split())[:SYMPTOM_CHARS]
    return "; ".join(part for part in (_CAMEL.sub(" ", words), service, kind, seen) if part)


def symptom_of(episode: Episode) -> str:
    """The same text for an episode, whose `symptom` may hold the summary alone or all of it."""
    head = symptom_text(episode.alert_name, service=episode.service, kind=episode.kind, summary="")
    if episode.symptom.startswith(head):
        return episode.symptom
    return symptom_text(
        episode.alert_name, service=episode.service, kind=episode.kind, summary=episode.symptom
    )


@runtime_checkable
class Embeddings(Protocol):
    """A model that turns texts into vectors. `name` and `dim` change whenever the vectors do."""

    name: str
    dim: int

    async def embed(self, texts: list[str]) -> list[list[float]]:
        """One vector of `dim` floats a text, of length 1. Raises Transient, Permanent."""


@runtime_checkable
class EpisodeSource(Protocol):
    """The ledger's episodes: the truth from which every index can be rebuilt."""

    async def episodes(self, *, after: int = 0, limit: int) -> list[tuple[int, Episode]]:
        """Row number and episode, row numbers above `after`, oldest first. Raises Transient."""

    async def episode_count(self) -> int:
        """How many there are. Raises Transient."""
