"""The index in plain Python: every episode is compared. Not here: anything that lasts.

For the moments when the service holds the real index, and up to some ten thousand episodes.
"""

import heapq
from collections.abc import Sequence

from memory.embeddings import Sparse, dot
from memory.index import Candidate, Entry, Question


class ExactIndex:
    """An Index that is gone with its process."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[Entry, Sparse]] = {}

    def put(self, entries: Sequence[Entry]) -> None:
        """Add or replace by incident."""
        for entry in entries:
            self._entries[entry.episode.incident] = entry, _occupied(entry.dense)

    def search(
        self, question: Question, *, limit: int, severity: str | None = None
    ) -> list[Candidate]:
        """Compare with everything of that severity."""
        dense = _occupied(question.dense)
        found = [
            Candidate(
                episode=entry.episode,
                dense=dot(dense, vector),
                sparse=dot(question.sparse, entry.sparse),
            )
            for entry, vector in self._entries.values()
            if severity is None or entry.episode.severity == severity
        ]
        near = heapq.nlargest(limit, found, key=lambda candidate: candidate.dense)
        worded = heapq.nlargest(limit, found, key=lambda candidate: candidate.sparse)
        best = near + [candidate for candidate in worded if candidate.sparse > 0]
        return list({candidate.episode.incident: candidate for candidate in best}.values())

    def missing(self, incidents: Sequence[str]) -> set[str]:
        """Those that were not put."""
        return set(incidents) - self._entries.keys()

    def count(self) -> int:
        """How many were put."""
        return len(self._entries)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def close(self) -> None:
        """Nothing to let go of."""


def _occupied(dense: list[float]) -> Sparse:
    """The places of a vector that are not zero: most are, in a lexical one."""
    return {place: value for place, value in enumerate(dense) if value}
