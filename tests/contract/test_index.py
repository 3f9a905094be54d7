"""What every index promises, over each that is shipped.

`memory` is the server's index on the client's simulation, `wire` the same over HTTP, `server` a
real one, for example NIGHTSHIFT_TEST_QDRANT_URL=http://127.0.0.1:6333.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from benchmarks.episodes import entry, made, question
from memory.edge import EdgeIndex
from memory.exact import ExactIndex
from memory.index import Index
from memory.server import IN_PROCESS, ServerIndex
from tests.qdrant import qdrant_standin

SERVER = os.environ.get("NIGHTSHIFT_TEST_QDRANT_URL", "")  # noqa: TID251  # a switch of the tests
KEY = os.environ.get("NIGHTSHIFT_TEST_QDRANT_API_KEY", "")  # noqa: TID251  # a switch of the tests
pytestmark = pytest.mark.filterwarnings("ignore:Local mode performs exact:UserWarning")
KINDS = ("edge", "exact", "memory", "wire", "server")


def _on_server(url: str) -> ServerIndex:
    tenant = f"test-{uuid4()}"
    return ServerIndex(url, name="lexical-1", dim=512, tenant=tenant, api_key=KEY)


@contextmanager
def _opened(kind: str, folder: Path) -> Iterator[Index]:
    """An empty index, which leaves nothing behind."""
    if kind in ("edge", "exact"):
        local: Index = (
            EdgeIndex(folder, name="lexical-1", dim=512) if kind == "edge" else ExactIndex()
        )
        yield local
        local.close()
    elif kind == "wire":
        with qdrant_standin() as standin:
            index = _on_server(standin.url)
            yield index
            index.close()
    else:
        index = _on_server(SERVER if kind == "server" else IN_PROCESS)
        yield index
        index.clear()
        index.close()


@pytest.fixture(params=KINDS)
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Index]:
    """An empty index of each kind."""
    if request.param == "server" and not SERVER:
        pytest.skip("NIGHTSHIFT_TEST_QDRANT_URL names no Qdrant server")
    with _opened(request.param, tmp_path) as opened:
        yield opened


def _found(index: Index, text: str, severity: str | None = None) -> set[str]:
    found = index.search(question(text), limit=3, severity=severity)
    return {candidate.episode.incident for candidate in found}


def test_an_empty_index_answers(index: Index) -> None:
    """Nothing stored is nothing found, not an error."""
    assert index.search(question("anything"), limit=5) == []
    assert index.count() == 0


def test_what_is_put_is_found_whole(index: Index) -> None:
    """The episode comes back as it was, with a cosine of 1 for its own symptom."""
    episode = made(7, failed=["restart"])
    index.put([entry(episode)])
    (found,) = index.search(question("Container Down; x"), limit=1)

    assert found.episode == episode


def test_scores_are_exact(index: Index) -> None:
    """Both scores of every candidate are those of its vectors, whichever search found it."""
    entries = [entry(made(number)) for number in range(40)]
    index.put(entries)
    asked = question("Latency High; gitea; answers slowly")
    by_id = {each.episode.incident: each for each in entries}

    for found in index.search(asked, limit=4):
        stored = by_id[found.episode.incident]
        cosine = sum(a * b for a, b in zip(asked.dense, stored.dense, strict=True))
        terms = sum(weight * stored.sparse.get(term, 0.0) for term, weight in asked.sparse.items())
        assert (found.dense, found.sparse) == pytest.approx((cosine, terms), abs=1e-5)


@pytest.mark.parametrize("asked", ["Container Down; redis", "Memory High; gitea3; memory limit"])
def test_candidates_and_scores_are_those_of_a_plain_comparison(index: Index, asked: str) -> None:
    """Whatever the backend: the same episodes, each with the same two scores (no tie at 9)."""
    plain = ExactIndex()
    for each in (index, plain):
        each.put([entry(made(number)) for number in range(120)])
    found, wanted = (
        {c.episode.incident: (c.dense, c.sparse) for c in each.search(question(asked), limit=9)}
        for each in (index, plain)
    )

    assert found == {incident: pytest.approx(both, abs=1e-5) for incident, both in wanted.items()}


def test_the_best_of_either_vector_are_candidates(index: Index) -> None:
    """The union of both searches: at least `limit`, at most twice that."""
    index.put([entry(made(number)) for number in range(40)])

    assert 3 <= len(_found(index, "Memory High; postgres; memory limit")) <= 6


def test_putting_again_replaces(index: Index) -> None:
    """An incident is in the index once, as it was put last."""
    index.put([entry(made(1, outcome="escalated"))])
    index.put([entry(made(1))])

    assert index.count() == 1
    assert index.search(question("memory"), limit=1)[0].episode.outcome == "resolved"


def test_a_severity_filter_holds_for_both_searches(index: Index) -> None:
    """Only episodes of that severity come back."""
    index.put([entry(made(number)) for number in range(12)])
    found = index.search(question("Container Down"), limit=12, severity="info")

    assert {candidate.episode.severity for candidate in found} == {"info"}
    assert len(found) == 4


def test_clearing_forgets_everything(index: Index) -> None:
    """And the index is of use afterwards."""
    index.put([entry(made(number)) for number in range(3)])
    index.clear()
    index.put([entry(made(4))])

    assert index.count() == 1


def test_missing_tells_what_is_not_there(index: Index) -> None:
    """A refill asks this before it embeds anything; ids need not be UUIDs."""
    there, named, gone = made(1), made(2, incident="told-by-hand"), made(3)
    index.put([entry(there), entry(named)])
    asked = [there.incident, named.incident, gone.incident]

    assert index.missing(asked) == {gone.incident}


def test_a_question_without_words_finds_no_terms(index: Index) -> None:
    """An empty question is answered: every score is zero."""
    index.put([entry(made(1))])

    assert {(c.dense, c.sparse) for c in index.search(question(""), limit=2)} <= {(0.0, 0.0)}
