"""The index on Qdrant Edge: the vector engine inside this process, files in one folder.

Not here: embedding, ranking, or filling it again (memory/learned.py). The engine is imported
when it is first used. `optimize()` is never called: it blocks for minutes, and a plain scan of
100,000 episodes answers in time without it (docs/adr/0004-memory-index.md).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domain.errors import Transient
from domain.incident import Episode
from memory.folder import OwnFolder
from memory.index import Candidate, Entry, Question, point_id

if TYPE_CHECKING:
    from qdrant_edge import EdgeConfig, EdgeShard, Filter, QueryBatchRequest

FORMAT = 1
"""Rises when what is stored of an episode changes; the index then starts empty."""
FLUSH_AFTER = 64
"""Episodes between two flushes, each of which stops every thread for 6 to 20 ms.

Without one a kill loses nothing, the engine's log has it; a power cut loses the last few, which
the next refill finds missing.
"""
DENSE, SPARSE = "dense", "lexical"


class IndexLost(Transient):
    """The index could not be read and was set aside; a new one starts empty."""


class EdgeIndex:
    """An Index in `folder`, for vectors of the model `name` with `dim` floats.

    Another model, or another `dim`, has a folder of its own inside, so that vectors of two
    models never meet. One process at a time; kills of it lose nothing that was put.
    """

    def __init__(self, folder: Path, *, name: str, dim: int) -> None:
        self.folder = folder / f"{name}-{dim}-v{FORMAT}"
        self._place = OwnFolder(self.folder)
        self._dim = dim
        self._shard: EdgeShard | None = None
        self._unflushed = 0

    def put(self, entries: Sequence[Entry]) -> None:
        """Add or replace by incident."""
        from qdrant_edge import Point, SparseVector, UpdateOperation

        points = [
            Point(
                point_id(entry.episode.incident),
                {
                    DENSE: entry.dense,
                    SPARSE: SparseVector(list(entry.sparse), list(entry.sparse.values())),
                },
                entry.episode.plain(),
            )
            for entry in entries
        ]
        shard = self._opened()
        with _vendor("store in"):
            shard.update(UpdateOperation.upsert_points(points))
            self._unflushed += len(points)
            if self._unflushed >= FLUSH_AFTER:
                shard.flush()
                self._unflushed = 0

    def search(
        self, question: Question, *, limit: int, severity: str | None = None
    ) -> list[Candidate]:
        """Two searches for the best of each vector, two more for the scores still missing."""
        with self._reading() as shard:
            first = _both(question, limit=limit, only=_of_severity(severity))
            ids = {point.id for points in shard.query_batch(first) for point in points}
            if not ids:
                return []
            again = _both(question, limit=len(ids), only=_of_ids(ids), payload=True)
            near, worded = shard.query_batch(again)
            by_words = {point.id: point.score for point in worded}
            return [
                Candidate(
                    episode=Episode.parse(point.payload or {}),
                    dense=point.score,
                    sparse=by_words.get(point.id, 0.0),
                )
                for point in near
            ]

    def missing(self, incidents: Sequence[str]) -> set[str]:
        """Those of the incidents that are not in the index."""
        by_id = {point_id(incident): incident for incident in incidents}
        with self._reading() as shard:
            there = shard.retrieve(list(by_id), with_payload=False, with_vector=False)
            return {by_id[key] for key in by_id.keys() - {record.id for record in there}}

    def count(self) -> int:
        """How many episodes there are."""
        from qdrant_edge import CountRequest

        with self._reading() as shard:
            return shard.count(CountRequest(exact=True))

    def clear(self) -> None:
        """Start over in an empty folder."""
        self._give_up(self._place.empty)

    def close(self) -> None:
        """Write out, close and let others in."""
        shard, self._shard = self._shard, None
        try:
            if shard is not None:
                with _vendor("close"):
                    shard.close()
        finally:
            self._place.unlock()

    @contextmanager
    def _reading(self) -> "Iterator[EdgeShard]":
        """An index that cannot be read is no index: set it aside, so that a new one can start."""
        shard = self._opened()
        try:
            with _vendor("read"):
                yield shard
        except Transient as error:
            self._give_up(self._place.move_away)
            raise IndexLost(f"{error}; it starts anew") from error

    def _opened(self) -> "EdgeShard":
        if self._shard is None:
            self._place.lock()
            try:
                self._shard = self._load_or_create()
            except Transient:
                self._place.unlock()
                raise
        return self._shard

    def _load_or_create(self) -> "EdgeShard":
        from qdrant_edge import EdgeShard

        if any(self.folder.iterdir()):
            try:
                with _vendor("open"):
                    return EdgeShard.load(str(self.folder), _config(self._dim))
            except Transient:
                self._place.move_away()
        with _vendor("create"):
            return EdgeShard.create(str(self.folder), _config(self._dim))

    def _give_up(self, then: Callable[[], None]) -> None:
        """Close what can be closed, deal with the folder, and let others in."""
        self._place.lock()
        shard, self._shard = self._shard, None
        try:
            if shard is not None:
                with suppress(Transient), _vendor("close"):
                    shard.close()
            then()
        finally:
            self._place.unlock()


@contextmanager
def _vendor(doing: str) -> Iterator[None]:
    """The engine raises bare `Exception`, and `PanicException`, which is not even one of these."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        raise Transient(f"could not {doing} the memory index: {error}") from error


def _config(dim: int) -> "EdgeConfig":
    from qdrant_edge import Distance, EdgeConfig, EdgeSparseVectorParams, EdgeVectorParams

    return EdgeConfig(
        vectors={DENSE: EdgeVectorParams(size=dim, distance=Distance.Cosine)},
        sparse_vectors={SPARSE: EdgeSparseVectorParams()},
        max_search_threads=2,
    )


def _both(
    question: Question, *, limit: int, only: "Filter | None", payload: bool = False
) -> "QueryBatchRequest":
    from qdrant_edge import Query, QueryBatchRequest, QueryRequest, SearchParams, SparseVector

    sparse = SparseVector(list(question.sparse), list(question.sparse.values()))
    asked: list[QueryRequest] = [
        QueryRequest(
            limit=limit,
            query=query,
            filter=only,
            with_payload=payload and using == DENSE,
            params=SearchParams(exact=True),
        )
        for using, query in (
            (DENSE, Query.Nearest(question.dense, using=DENSE)),
            (SPARSE, Query.Nearest(sparse, using=SPARSE)),
        )
    ]
    return QueryBatchRequest(asked)


def _of_severity(severity: str | None) -> "Filter | None":
    from qdrant_edge import FieldCondition, Filter, MatchValue

    if severity is None:
        return None
    return Filter(must=[FieldCondition("severity", match=MatchValue(severity))])


def _of_ids(ids: set[Any]) -> "Filter":
    from qdrant_edge import Filter, HasIdCondition

    return Filter(must=[HasIdCondition(ids)])
