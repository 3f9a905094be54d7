from collections.abc import Iterator

import pytest
from langchain_core.embeddings import Embeddings
from langchain_qdrant import QdrantVectorStore, RetrievalMode
from qdrant_client import QdrantClient, models

from benchmarks.episodes import entry, made
from domain.incident import Episode
from memory.embeddings import LexicalEmbeddings, document_terms, query_terms
from memory.server import IN_PROCESS
from memory.server_collection import DENSE, SPARSE, Terms, add


class Lexical(Embeddings):
    """Our vectors, as another LangChain program would bring them."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text."""
        return [LexicalEmbeddings().vector(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """The same for one text."""
        return LexicalEmbeddings().vector(text)


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    """A client with one collection, `here`."""
    opened = QdrantClient(IN_PROCESS)
    dense = models.VectorParams(size=512, distance=models.Distance.COSINE)
    opened.create_collection("here", {DENSE: dense}, {SPARSE: models.SparseVectorParams()})
    yield opened
    opened.close()


def test_langchain_reads_the_collection_as_its_own(client: QdrantClient) -> None:
    """A hybrid search by langchain-qdrant, with our sparse embeddings, finds what was added."""
    add(client, "here", [entry(made(number)) for number in range(10)])
    store = QdrantVectorStore(
        client,
        "here",
        Lexical(),
        RetrievalMode.HYBRID,
        vector_name=DENSE,
        sparse_vector_name=SPARSE,
        sparse_embedding=Terms(),
    )
    (found,) = store.similarity_search("Memory High; postgres; container", k=1)

    assert Episode.parse(found.metadata) == made(1)


def test_more_than_one_request_can_hold_are_all_added(client: QdrantClient) -> None:
    """LangChain sends them by 64; a refill of a thousand loses none, and mixes none up."""
    add(client, "here", [entry(made(number)) for number in range(150)])
    last = client.retrieve("here", [made(149).incident])

    assert client.count("here").count == 150
    assert Episode.parse(last[0].payload["metadata"] if last[0].payload else {}) == made(149)


def test_terms_are_those_of_memory() -> None:
    """Both sides, so that scores are the same on every backend."""
    (document,) = Terms().embed_documents(["Container Down; redis"])
    query = Terms().embed_query("redis is down")

    assert dict(zip(document.indices, document.values, strict=True)) == document_terms(
        "Container Down; redis"
    )
    assert dict(zip(query.indices, query.values, strict=True)) == query_terms("redis is down")
