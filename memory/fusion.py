"""Two scores become one, and candidates an order. Not here: where scores come from.

Relevance is made of absolute scores with fixed weights: a cosine, and BM25 as a share of what
the question scores against itself. So 0.8 means the same whatever else is stored, and wherever.
"""

from collections.abc import Iterable
from datetime import datetime

from domain.incident import Episode, PastIncident
from memory.embeddings import document_terms, dot, query_terms
from memory.index import Candidate
from memory.vocabulary import words

_DENSE, _SPARSE = 0.6, 0.4
_VERIFIED, _SAME_SERVICE = 0.03, 0.02
NOISE = 0.1
"""Relevance below this is two texts that share no more than an ending."""


def ranked(symptom: str, candidates: Iterable[Candidate], *, limit: int) -> list[PastIncident]:
    """Relevance first; where it is close, verified success, the same service, then the newest.

    `score` is the relevance alone, 0..1; 1 is the same symptom, word for word.
    """
    itself = dot(query_terms(symptom), document_terms(symptom))
    asked = set(words(symptom))
    found = [
        PastIncident(score=_relevance(candidate, itself), episode=candidate.episode)
        for candidate in candidates
    ]
    found.sort(key=lambda past: _place(past, asked), reverse=True)
    return [past for past in found if past.score >= NOISE][:limit]


def verified(episode: Episode) -> bool:
    """It ended well, and it is known which remedy did it."""
    return episode.outcome == "resolved" and episode.healed_by is not None


def _relevance(candidate: Candidate, itself: float) -> float:
    worded = min(1.0, candidate.sparse / itself) if itself else 0.0
    return min(1.0, max(0.0, _DENSE * candidate.dense + _SPARSE * worded))


def _place(past: PastIncident, asked: set[str]) -> tuple[float, datetime]:
    service = set(words(past.episode.service))
    bonus = _VERIFIED * verified(past.episode) + _SAME_SERVICE * bool(service and service <= asked)
    return round(past.score + bonus, 6), past.episode.at
