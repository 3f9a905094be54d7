from datetime import timedelta
from typing import Any

import pytest

from benchmarks.episodes import START, entry, made, question
from domain.incident import Episode
from domain.recall import symptom_of
from memory.edge import EdgeIndex
from memory.exact import ExactIndex
from memory.fusion import NOISE, ranked, verified
from memory.index import Candidate, Index


def _order(symptom: str, *candidates: Candidate) -> list[str]:
    return [past.episode.incident for past in ranked(symptom, candidates, limit=9)]


def _candidate(dense: float, **changes: Any) -> Candidate:
    return Candidate(episode=made(0, **changes), dense=dense, sparse=0.0)


def test_relevance_comes_first() -> None:
    """A proven fix of something else does not outrank the same symptom."""
    like = _candidate(0.9, incident="like", outcome="escalated", healed_by=None)
    proven = _candidate(0.7, incident="proven")

    assert _order("x", proven, like) == ["like", "proven"]


def test_close_relevance_is_decided_by_verified_success() -> None:
    """Of two that are alike, the one whose fix was checked."""
    open_end = _candidate(0.80, incident="open", outcome="escalated", healed_by=None)
    proven = _candidate(0.78, incident="proven")

    assert _order("x", open_end, proven) == ["proven", "open"]


def test_then_the_same_service_counts() -> None:
    """Another service's incident of the same likeness comes after our own."""
    other = _candidate(0.8, incident="other", service="redis")
    ours = _candidate(0.8, incident="ours", service="traefik-edge")

    assert _order("down; traefik-edge", other, ours) == ["ours", "other"]


def test_then_the_newest() -> None:
    """Equal in everything else: what happened last."""
    old = _candidate(0.8, incident="old")
    new = _candidate(0.8, incident="new", at=START + timedelta(days=9))

    assert _order("x", old, new) == ["new", "old"]


def test_noise_is_left_out_and_the_limit_holds() -> None:
    """What shares no more than an ending is not similar."""
    candidates = [_candidate(share / 10, incident=str(share)) for share in range(10)]
    found = ranked("x", candidates, limit=3)

    assert len(found) == 3
    assert all(past.score >= NOISE for past in ranked("x", candidates, limit=10))


def _stored(index: Index, *, others: int) -> float:
    index.put([entry(made(number)) for number in range(1 + others)])
    asked = "Container gone; traefik; container"
    found = ranked(asked, index.search(question(asked), limit=50), limit=50)
    return next(past.score for past in found if past.episode.incident == made(0).incident)


def test_a_score_does_not_depend_on_backend_or_company(tmp_path: Any) -> None:
    """The same pair of symptoms scores the same alone, among fifty, and in either index."""
    scores = [_stored(ExactIndex(), others=0), _stored(ExactIndex(), others=50)]
    edge = EdgeIndex(tmp_path, name="lexical-1", dim=512)
    scores.append(_stored(edge, others=50))
    edge.close()

    assert scores == pytest.approx([scores[0]] * 3, abs=1e-5)


def test_the_same_symptom_scores_one() -> None:
    """Word for word the same is 1, as nearly as floats allow."""
    index = ExactIndex()
    index.put([entry(made(3))])
    symptom = symptom_of(made(3))
    (past,) = ranked(symptom, index.search(question(symptom), limit=1), limit=1)

    assert past.score == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"healed_by": None}, False),
        ({"outcome": "escalated"}, False),
        ({"outcome": "self_resolved", "healed_by": None}, False),
    ],
)
def test_success_is_an_outcome_with_the_remedy_that_healed(
    changes: dict[str, Any], expected: bool
) -> None:
    """Only a checked outcome of a named remedy is a success."""
    episode: Episode = made(0, **changes)

    assert verified(episode) is expected
