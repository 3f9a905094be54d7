"""The server's collection as LangChain knows it: hybrid points, made by langchain-qdrant.

Not here: scores. Imported when the server is first used, for LangChain is large. Another LangChain
program reads the same collection with `Terms`, its own dense embeddings and the names below.
"""

from collections.abc import Sequence

from langchain_core.embeddings import Embeddings
from langchain_qdrant import QdrantVectorStore, RetrievalMode, SparseEmbeddings, SparseVector
from qdrant_client import QdrantClient

from domain.recall import symptom_of
from memory.embeddings import Sparse, document_terms, query_terms
from memory.index import Entry, point_id

DENSE, SPARSE = "dense", "lexical"
EPISODE = "metadata"
"""The key of the payload that LangChain keeps a document's metadata under."""


class Terms(SparseEmbeddings):
    """BM25 without a corpus, the same as everywhere in memory."""

    def embed_documents(self, texts: list[str]) -> list[SparseVector]:
        """The document side of each text."""
        return [_sparse(document_terms(text)) for text in texts]

    def embed_query(self, text: str) -> SparseVector:
        """The query side of a text."""
        return _sparse(query_terms(text))


class _Given(Embeddings):
    """Vectors that are there already, by their texts: LangChain must not embed again."""

    def __init__(self, vectors: dict[str, list[float]]) -> None:
        self._vectors = vectors

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self._vectors[text] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self._vectors[text]


def add(client: QdrantClient, collection: str, entries: Sequence[Entry]) -> None:
    """Add or replace them: the symptom as text, the episode as metadata, both vectors.

    The sparse side is made of the text again, by `Terms`. Raises what the client raises.
    """
    texts = [symptom_of(entry.episode) for entry in entries]
    given = {text: entry.dense for text, entry in zip(texts, entries, strict=True)}
    store = QdrantVectorStore(
        client,
        collection,
        _Given(given),
        RetrievalMode.HYBRID,
        vector_name=DENSE,
        metadata_payload_key=EPISODE,
        sparse_embedding=Terms(),
        sparse_vector_name=SPARSE,
        validate_embeddings=False,
        validate_collection_config=False,  # it would embed a dummy text
    )
    store.add_texts(
        texts,
        [entry.episode.plain() for entry in entries],
        [str(point_id(entry.episode.incident)) for entry in entries],
    )


def _sparse(terms: Sparse) -> SparseVector:
    return SparseVector(indices=list(terms), values=list(terms.values()))
