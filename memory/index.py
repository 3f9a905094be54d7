"""What an index of episodes can do, and the vectors it is asked with. Not here: an engine.

An index is blocking and belongs to one thread; LearnedMemory gives it one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable
from uuid import UUID, uuid5

from domain.alert import NAMESPACE
from domain.incident import Episode
from memory.embeddings import Sparse


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An episode with its vectors: `dense` of length 1, `sparse` as BM25's document side."""

    episode: Episode
    dense: list[float]
    sparse: Sparse


@dataclass(frozen=True, kw_only=True)
class Question:
    """The same two vectors of what is looked for; `sparse` is BM25's query side."""

    dense: list[float]
    sparse: Sparse


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A stored episode with both of its exact scores: the cosine and the inner product."""

    episode: Episode
    dense: float
    sparse: float


@runtime_checkable
class Index(Protocol):
    """Episodes by their vectors. Every method raises Transient, and nothing else."""

    def put(self, entries: Sequence[Entry]) -> None:
        """Add or replace by incident; a kill of the process right after loses none."""

    def search(
        self, question: Question, *, limit: int, severity: str | None = None
    ) -> list[Candidate]:
        """The union of the `limit` best by each vector, both scores filled in, in no order."""

    def missing(self, incidents: Sequence[str]) -> set[str]:
        """Those of the incidents that are not in the index."""

    def count(self) -> int:
        """How many episodes there are."""

    def clear(self) -> None:
        """Forget everything."""

    def close(self) -> None:
        """Let go of files and locks; the next call opens them again."""


def point_id(incident: str) -> UUID:
    """The incident's own UUID, or one made of its name where it is called otherwise."""
    try:
        return UUID(incident)
    except ValueError:
        return uuid5(NAMESPACE, incident)
