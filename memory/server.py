"""The index on a Qdrant server, for a memory that outlives this machine.

Not here: how points are made (memory/server_collection.py), embedding, ranking. What is asked and
answered is what Edge would: the same candidates, and both scores exact. LangChain's own hybrid
score is a rank among what else is stored, so the questions go to the client directly.
"""

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID
from zlib import crc32

from domain.errors import Transient
from domain.incident import Episode
from memory.edge import IndexLost
from memory.index import Candidate, Entry, Question, point_id

if TYPE_CHECKING:
    from qdrant_client import QdrantClient
    from qdrant_client.models import Filter, Payload, QueryRequest, ScoredPoint

T = TypeVar("T")

FORMAT = 1
"""Rises when what is stored of an episode changes; another collection is then used."""
IN_PROCESS = ":memory:"
"""In place of a URL: the client's own simulation, gone with `close`; one thread, for tests."""
_GONE, _TAKEN = 404, 409


class ServerIndex:
    """An Index in one collection of the server at `url`, named by `collection_name`.

    Created at the first call, so that a server that is away costs memory and not the start.
    `timeout_s` bounds each request; a question makes two.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        dim: int,
        tenant: str = "default",
        api_key: str = "",
        timeout_s: int = 4,
    ) -> None:
        self.collection = collection_name(tenant, name, dim)
        self._url = url
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._dim = dim
        self._client: QdrantClient | None = None
        self._there = False

    def put(self, entries: Sequence[Entry]) -> None:
        """Add or replace by incident; acknowledged when the server has written it down."""
        from memory.server_collection import add

        if entries:
            self._asked(lambda client: add(client, self.collection, entries))

    def search(
        self, question: Question, *, limit: int, severity: str | None = None
    ) -> list[Candidate]:
        """The best of each vector in one request, the scores still missing in another."""
        first = _both(question, limit=limit, only=_of_severity(severity))
        ids = {str(point.id) for points in self._query(first) for point in points}
        if not ids:
            return []
        again = _both(question, limit=len(ids), only=_of_ids(ids), payload=True)
        near, *worded = self._query(again)
        by_words = {point.id: point.score for points in worded for point in points}
        with self._vendor():
            return [
                Candidate(
                    episode=_episode(point.payload),
                    dense=point.score,
                    sparse=by_words.get(point.id, 0.0),
                )
                for point in near
            ]

    def missing(self, incidents: Sequence[str]) -> set[str]:
        """Those of the incidents that are not in the collection."""
        by_id = {point_id(incident): incident for incident in incidents}
        there = self._asked(
            lambda client: client.retrieve(
                self.collection, [str(key) for key in by_id], with_payload=False
            )
        )
        return {by_id[key] for key in by_id.keys() - {UUID(str(record.id)) for record in there}}

    def count(self) -> int:
        """How many episodes there are, exactly."""
        return self._asked(lambda client: client.count(self.collection, exact=True).count)

    def clear(self) -> None:
        """Delete the collection; the next call creates it again."""
        self._asked(lambda client: client.delete_collection(self.collection))
        self._there = False

    def close(self) -> None:
        """Let go of the connections."""
        client, self._client, self._there = self._client, None, False
        if client is not None:
            with self._vendor():
                client.close()

    def _query(self, requests: "list[QueryRequest]") -> "list[list[ScoredPoint]]":
        answers = self._asked(lambda client: client.query_batch_points(self.collection, requests))
        return [answer.points for answer in answers]

    def _asked(self, ask: "Callable[[QdrantClient], T]") -> T:
        """The answer, from a collection that exists. Raises Transient, IndexLost."""
        with self._vendor():
            client = self._opened()
            if not self._there:
                self._create(client)
                self._there = True
            return ask(client)

    def _opened(self) -> "QdrantClient":
        from qdrant_client import QdrantClient

        if self._client is None:
            # A key over plain HTTP is the operator's choice: servers at home seldom have TLS.
            warnings.filterwarnings("ignore", "Api key is used with an insecure", UserWarning)
            self._client = QdrantClient(
                self._url,
                api_key=self._api_key or None,
                timeout=self._timeout_s,
                check_compatibility=False,
            )
        return self._client

    def _create(self, client: "QdrantClient") -> None:
        """Create the collection where it is missing; another process may do so meanwhile."""
        from qdrant_client import models
        from qdrant_client.http.exceptions import UnexpectedResponse

        from memory.server_collection import DENSE, EPISODE, SPARSE

        if client.collection_exists(self.collection):
            return
        dense = models.VectorParams(size=self._dim, distance=models.Distance.COSINE)
        try:
            client.create_collection(
                self.collection, {DENSE: dense}, {SPARSE: models.SparseVectorParams()}
            )
        except UnexpectedResponse as error:
            if error.status_code != _TAKEN:
                raise
        if self._url != IN_PROCESS:  # servers may refuse to filter by what has no index
            client.create_payload_index(
                self.collection, f"{EPISODE}.severity", models.PayloadSchemaType.KEYWORD
            )

    @contextmanager
    def _vendor(self) -> Iterator[None]:
        """Errors of the client, in our words: its own may quote whole answers."""
        import httpx
        from qdrant_client.common.client_exceptions import QdrantException
        from qdrant_client.http.exceptions import ApiException

        try:
            yield
        except (ApiException, QdrantException, httpx.HTTPError) as error:
            raise self._told(error) from error
        except (ValueError, RuntimeError, OSError, TypeError, LookupError) as error:
            # an address that is none, an answer in a form that is none, a client that was closed
            said = f"the memory server and its client disagree: {type(error).__name__}"
            raise Transient(said) from error

    def _told(self, error: Exception) -> Transient:
        from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
        from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

        if isinstance(error, ResourceExhaustedResponse):
            return Transient("the memory server is busy", retry_after=float(error.retry_after_s))
        if isinstance(error, UnexpectedResponse) and error.status_code == _GONE and self._there:
            self._there = False
            return IndexLost(f"the memory server has no {self.collection!r}; it starts anew")
        if isinstance(error, UnexpectedResponse):
            hint = "; is QDRANT_API_KEY right?" if error.status_code in (401, 403) else ""
            return Transient(f"the memory server answers {error.status_code}{hint}")
        cause = error.source if isinstance(error, ResponseHandlingException) else error
        return Transient(f"the memory server gives no answer: {type(cause).__name__}")


def collection_name(tenant: str, name: str, dim: int) -> str:
    """One for each tenant, model, dimension and format, so that their vectors never meet."""
    return f"nightshift__{_plain(tenant)}__{_plain(name)}-{dim}-v{FORMAT}"


def _plain(part: str) -> str:
    """In characters every server takes; what had others keeps a mark that tells it apart."""
    plain = re.sub(r"[^A-Za-z0-9.-]", "-", part)[:80]
    return part if plain == part else f"{plain}_{crc32(part.encode()):08x}"


def _episode(payload: "Payload | None") -> Episode:
    from memory.server_collection import EPISODE

    return Episode.parse((payload or {})[EPISODE])


def _both(
    question: Question, *, limit: int, only: "Filter | None", payload: bool = False
) -> "list[QueryRequest]":
    """The dense search first; the other one only if there is a term to look for."""
    from qdrant_client.models import QueryRequest, SearchParams, SparseVector

    from memory.server_collection import DENSE, SPARSE

    terms = SparseVector(indices=list(question.sparse), values=list(question.sparse.values()))
    asked: list[tuple[str, list[float] | SparseVector]] = [(DENSE, question.dense)]
    if question.sparse:
        asked.append((SPARSE, terms))
    return [
        QueryRequest(
            query=query,
            using=using,
            limit=limit,
            filter=only,
            params=SearchParams(exact=True),
            with_payload=payload and using == DENSE,
        )
        for using, query in asked
    ]


def _of_severity(severity: str | None) -> "Filter | None":
    from qdrant_client.models import FieldCondition, Filter, MatchValue

    from memory.server_collection import EPISODE

    if severity is None:
        return None
    condition = FieldCondition(key=f"{EPISODE}.severity", match=MatchValue(value=severity))
    return Filter(must=[condition])


def _of_ids(ids: set[str]) -> "Filter":
    from qdrant_client.models import Filter, HasIdCondition

    return Filter(must=[HasIdCondition(has_id=list(ids))])
