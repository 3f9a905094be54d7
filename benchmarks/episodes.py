"""Made-up episodes and ledgers for measurements and tests. Not here: real incidents."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from domain.incident import Episode
from domain.recall import symptom_of
from memory.embeddings import LexicalEmbeddings, document_terms, query_terms
from memory.index import Entry, Question

START = datetime(2026, 1, 1, tzinfo=UTC)
_FAULTS = (
    ("ContainerDown", "is not running", "start"),
    ("MemoryHigh", "uses most of its memory limit", "raise_memory"),
    ("ProbeFailing", "does not answer from outside", "restart"),
    ("CrashLoop", "keeps crashing", "start_dependency"),
    ("LatencyHigh", "answers slowly", "restart"),
)
_SERVICES = ("traefik", "postgres", "jellyfin", "immich", "gitea", "redis", "grafana", "pihole")


def made(number: int, **changes: Any) -> Episode:
    """The n-th of endlessly many episodes, one hour after the one before it."""
    alert, seen, remedy = _FAULTS[number % len(_FAULTS)]
    service = f"{_SERVICES[number % len(_SERVICES)]}{number // 40 or ''}"
    values: dict[str, Any] = {
        "incident": str(UUID(int=number + 1, version=4)),
        "alert_name": alert,
        "service": service,
        "kind": "container",
        "cause": alert.lower(),
        "severity": ("critical", "warning", "info")[number % 3],
        "symptom": f"{service} {seen}",
        "root_cause": f"{service} broke, number {number}",
        "remediation_taken": remedy,
        "outcome": "resolved",
        "healed_by": remedy,
        "failed": [],
        "resolution_time": 10.0 + number % 50,
        "at": START + timedelta(hours=number),
    }
    return Episode.model_validate(values | changes)


def entry(episode: Episode) -> Entry:
    """The episode with its lexical vectors."""
    text = symptom_of(episode)
    vector = LexicalEmbeddings().vector(text)
    return Entry(episode=episode, dense=vector, sparse=document_terms(text))


def question(text: str) -> Question:
    """The text with its lexical vectors."""
    return Question(dense=LexicalEmbeddings().vector(text), sparse=query_terms(text))


class ListedEpisodes:
    """An EpisodeSource over a list that may grow; row numbers count from 1."""

    def __init__(self, episodes: Sequence[Episode] = ()) -> None:
        self.listed = list(episodes)

    async def episodes(self, *, after: int = 0, limit: int) -> list[tuple[int, Episode]]:
        """A page."""
        return list(enumerate(self.listed[after : after + limit], start=after + 1))

    async def episode_count(self) -> int:
        """All of them."""
        return len(self.listed)
