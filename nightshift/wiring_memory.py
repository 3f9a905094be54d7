"""Opening memory as the settings want it: which index, whose vectors. Part of wiring."""

from contextlib import AsyncExitStack

from domain.errors import BadConfiguration
from domain.recall import Embeddings, EpisodeSource
from memory.edge import EdgeIndex
from memory.embeddings import LexicalEmbeddings
from memory.index import Index
from memory.learned import LearnedMemory
from memory.openai_embeddings import EmbeddingServer, OpenAIEmbeddings
from memory.server import ServerIndex
from nightshift.settings import Settings


def open_memory(settings: Settings, stack: AsyncExitStack, source: EpisodeSource) -> LearnedMemory:
    """Memory over the ledger; nothing is asked or opened before its first question.

    Raises BadConfiguration.
    """
    embeddings = _embeddings(settings, stack)
    memory = LearnedMemory(_index(settings, embeddings), embeddings, source)
    stack.push_async_callback(memory.close)
    return memory


def _index(settings: Settings, embeddings: Embeddings) -> Index:
    url, key = settings.qdrant_url, settings.qdrant_api_key
    if not url:
        folder = settings.nightshift_data_dir / "memory"
        return EdgeIndex(folder, name=embeddings.name, dim=embeddings.dim)
    if not url.startswith(("http://", "https://")):
        raise BadConfiguration(f"QDRANT_URL is {url!r}; give it as http://qdrant:6333")
    return ServerIndex(
        url,
        name=embeddings.name,
        dim=embeddings.dim,
        tenant=settings.nightshift_tenant,
        api_key=key.get_secret_value() if key else "",
        timeout_s=settings.qdrant_timeout_s,
    )


def _embeddings(settings: Settings, stack: AsyncExitStack) -> Embeddings:
    key = settings.openai_api_key
    if not _by_model(settings):
        return LexicalEmbeddings()
    if not (key or settings.embeddings_base_url):
        raise BadConfiguration(
            "NIGHTSHIFT_EMBEDDINGS is 'openai'; give OPENAI_API_KEY or EMBEDDINGS_BASE_URL too"
        )
    server = EmbeddingServer(
        model=settings.embeddings_model,
        dim=settings.embeddings_dim,
        base_url=settings.embeddings_base_url,
        api_key=key.get_secret_value() if key else "",
    )
    embeddings = OpenAIEmbeddings(server)
    stack.push_async_callback(embeddings.close)
    return embeddings


def _by_model(settings: Settings) -> bool:
    """By itself only where a model is welcome and the key is surely one for OpenAI.

    Whoever runs a model of their own (LLM_BASE_URL) does not expect texts to go elsewhere.
    """
    if settings.nightshift_embeddings != "auto":
        return settings.nightshift_embeddings == "openai"
    if settings.embeddings_base_url:
        return True
    welcome = settings.llm_mode != "never" and not settings.llm_base_url
    return welcome and settings.openai_api_key is not None
