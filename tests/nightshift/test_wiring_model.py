"""Which model is opened, and when none is."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from domain.errors import BadConfiguration
from memory.store import Store, open_store
from nightshift.bounds import bounded
from nightshift.clock import SystemClock
from nightshift.settings import Settings
from nightshift.wiring import open_reasoner
from tools.llm import ModelReasoner


async def opened(tmp_path: Path, **given: Any) -> ModelReasoner | None:
    """The model of these settings."""
    settings = Settings(_env_file=None, **given)
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        store: Store = await stack.enter_async_context(open_store(tmp_path, clock=clock))
        return open_reasoner(settings, stack, store, clock)


@pytest.mark.parametrize(
    ("given", "there"),
    [
        ({}, False),
        ({"openai_api_key": "sk-1"}, True),
        ({"llm_base_url": "http://ollama:11434/v1"}, True),
        ({"openai_api_key": "sk-1", "llm_mode": "never"}, False),
    ],
)
async def test_without_key_or_address_there_is_none(
    tmp_path: Path, given: dict[str, Any], there: bool
) -> None:
    """And with LLM_MODE=never neither."""
    assert (await opened(tmp_path, **given) is not None) is there


async def test_a_bad_prompt_keeps_the_service_from_starting(tmp_path: Path) -> None:
    """It is read at start, not in the night."""
    (tmp_path / "diagnose.md").write_text("")
    with pytest.raises(BadConfiguration, match="diagnose"):
        await opened(tmp_path, openai_api_key="sk-1", nightshift_prompts=tmp_path)


def test_the_models_own_container_is_protected() -> None:
    """Nightshift does not restart what it thinks with."""
    limits = bounded(Settings(_env_file=None, llm_base_url="http://ollama:11434/v1"), own_id="")

    assert "http://ollama:11434" in limits.needs
