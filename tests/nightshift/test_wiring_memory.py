from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from benchmarks.episodes import ListedEpisodes, made
from domain.errors import BadConfiguration
from memory.edge import EdgeIndex
from memory.embeddings import LexicalEmbeddings
from memory.openai_embeddings import OpenAIEmbeddings
from memory.server import ServerIndex
from nightshift.settings import Settings
from nightshift.wiring_memory import _embeddings, _index, open_memory
from tests.qdrant import qdrant_standin

KEY = {"openai_api_key": "sesame"}
OWN = {"embeddings_base_url": "http://ollama:11434/v1"}


def _settings(**values: Any) -> Settings:
    return Settings(_env_file=None, **values)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({}, LexicalEmbeddings),
        (KEY, OpenAIEmbeddings),
        (OWN, OpenAIEmbeddings),
        (KEY | {"llm_base_url": "http://ollama:11434/v1"}, LexicalEmbeddings),
        (KEY | {"llm_mode": "never"}, LexicalEmbeddings),
        (KEY | {"nightshift_embeddings": "lexical"}, LexicalEmbeddings),
        (KEY | {"nightshift_embeddings": "openai", "llm_mode": "never"}, OpenAIEmbeddings),
    ],
)
async def test_a_model_embeds_only_where_it_is_welcome(values: dict[str, Any], kind: type) -> None:
    """Texts never go to OpenAI on a key that was meant for another server."""
    async with AsyncExitStack() as stack:
        assert isinstance(_embeddings(_settings(**values), stack), kind)


async def test_a_model_without_a_key_is_refused_at_the_start() -> None:
    """The message names what is missing."""
    async with AsyncExitStack() as stack:
        with pytest.raises(BadConfiguration, match="OPENAI_API_KEY"):
            _embeddings(_settings(nightshift_embeddings="openai"), stack)


def test_the_index_is_in_the_process_without_a_url(tmp_path: Path) -> None:
    """No server is needed for memory."""
    index = _index(_settings(nightshift_data_dir=tmp_path), LexicalEmbeddings())

    assert isinstance(index, EdgeIndex)
    assert index.folder == tmp_path / "memory" / "lexical-1-512-v1"


def test_the_index_is_on_the_server_of_the_url() -> None:
    """In a collection of this tenant; a URL without its scheme is refused."""
    index = _index(
        _settings(qdrant_url="http://qdrant:6333", nightshift_tenant="home"), LexicalEmbeddings()
    )

    assert isinstance(index, ServerIndex)
    assert index.collection == "nightshift__home__lexical-1-512-v1"
    with pytest.raises(BadConfiguration, match="http://qdrant:6333"):
        _index(_settings(qdrant_url="qdrant:6333"), LexicalEmbeddings())


async def test_memory_on_a_server_learns_and_recalls() -> None:
    """From the settings to an answer, over HTTP."""
    with qdrant_standin() as server:
        async with AsyncExitStack() as stack:
            source = ListedEpisodes([made(number) for number in range(10)])
            memory = open_memory(_settings(qdrant_url=server.url), stack, source)
            await memory.store(made(10))
            found = await memory.similar("Container Down; jellyfin; container", limit=3)

    assert found[0].episode.alert_name == "ContainerDown"
    assert memory.health() == ""
