"""Incident memory for a person's shell: the names that are documented, blocking, no set-up.

Not here: what the service uses (memory/learned.py). This never opens the service's index, which
one process can hold, and costs no model call: it compares the ledger's episodes by themselves.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from domain.alert import Severity
from domain.incident import Episode
from domain.recall import symptom_of
from memory.embeddings import LexicalEmbeddings, document_terms, query_terms
from memory.episodes import open_episodes
from memory.exact import ExactIndex
from memory.fusion import ranked
from memory.history import SimilarIncident, markdown
from memory.index import Entry, Question
from memory.location import Location
from memory.told import keep, told

CANDIDATES = 50


class IncidentMemory:
    """Past incidents of a data directory, whether its service runs or not.

    `data_dir` may be the `postgresql://` address of a shared store. Without it, it is found like
    the service finds it: `DATABASE_URL`, `NIGHTSHIFT_DATA_DIR`, else `data` in the working
    directory. An empty or new directory has no incidents and no errors. Each
    method first reads what the ledger has gained since the last; all raise Transient when the
    store is there but cannot be read.
    """

    def __init__(self, data_dir: Path | str | None = None) -> None:
        location = Location()
        self._place = location.place if data_dir is None else data_dir
        self._tenant = location.nightshift_tenant
        self._ledger = open_episodes(self._place, tenant=self._tenant)
        self._model = LexicalEmbeddings()
        self._index = ExactIndex()
        self._episodes: dict[str, Episode] = {}
        self._row = 0
        self._compared = 0

    def find_similar_incidents(
        self, query_text: str, limit: int = 5, severity_filter: str | None = None
    ) -> list[SimilarIncident]:
        """The most similar past incidents, best first, at most `limit`, of that severity only."""
        self._compare()
        question = Question(dense=self._model.vector(query_text), sparse=query_terms(query_text))
        found = self._index.search(question, limit=max(CANDIDATES, limit), severity=severity_filter)
        return [SimilarIncident.of(past) for past in ranked(query_text, found, limit=limit)]

    def format_historical_context(
        self, incidents: Sequence[SimilarIncident | Mapping[str, Any]]
    ) -> str:
        """What `find_similar_incidents` returned, as Markdown."""
        return markdown(incidents)

    def get_incident_stats(self) -> dict[str, Any]:
        """Counters over every episode.

        `total_incidents`; `success_rate`, the percentage of them that ended resolved;
        `avg_resolution_time` of these, in seconds; `by_severity`, severity to count.
        """
        self._read()
        episodes = self._episodes.values()
        took = [each.resolution_time for each in episodes if each.outcome == "resolved"]
        return {
            "total_incidents": len(episodes),
            "success_rate": 100.0 * len(took) / len(episodes) if episodes else 0.0,
            "avg_resolution_time": sum(took) / len(took) if took else 0.0,
            "by_severity": dict(Counter(each.severity for each in episodes)),
        }

    def store_incident(
        self,
        alert_name: str,
        description: str = "",
        severity: Severity = "warning",
        affected_systems: Iterable[str] = (),
        root_cause: str = "",
        remediation_taken: str = "",
        resolution_status: str = "resolved",
        resolution_time_seconds: float = 0.0,
    ) -> str:
        """Keep an incident that a person dealt with, and return its id.

        It is history from now on, for the service too; it never speaks for an automatic remedy.
        Raises Transient, and BadConfiguration where the store cannot be opened for writing.
        """
        episode = told(
            alert_name=alert_name,
            description=description,
            severity=severity,
            affected_systems=affected_systems,
            root_cause=root_cause,
            remediation_taken=remediation_taken,
            resolution_status=resolution_status,
            resolution_time=resolution_time_seconds,
        )
        keep(episode, place=self._place, tenant=self._tenant)
        return episode.incident

    def _read(self) -> None:
        for row, episode in self._ledger.after(self._row):
            self._episodes[episode.incident] = episode
            self._row = row

    def _compare(self) -> None:
        """Embed what was read since the last time: only searching needs it."""
        self._read()
        new = islice(self._episodes.values(), self._compared, None)
        self._index.put([self._entry(episode) for episode in new])
        self._compared = len(self._episodes)

    def _entry(self, episode: Episode) -> Entry:
        text = symptom_of(episode)
        return Entry(episode=episode, dense=self._model.vector(text), sparse=document_terms(text))
