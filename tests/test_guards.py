"""What tests must not do by accident."""

import socket

import pytest

from nightshift.settings import Settings
from tools.llm_client import OPENAI, Client, Server


async def test_no_model_is_asked_by_accident() -> None:
    """Without a stand-in's address the guard of conftest.py stops the call."""
    client = Client(Server(model="gpt-4o-mini", api_key="sk-real"))
    with pytest.raises(Exception, match=r"wants to ask|cannot be reached|broke off"):
        await client.ask("system", "user", {"type": "object", "properties": {}})
    await client.close()


def test_the_internet_is_out_of_reach() -> None:
    """A connection to a public address fails the test that makes it."""
    with socket.socket() as one, pytest.raises(RuntimeError, match="wants to connect"):
        one.connect(("8.8.8.8", 53))


def test_no_key_from_outside_is_found() -> None:
    """A developer's own key does not get into a test."""
    settings = Settings(_env_file=None)

    assert settings.openai_api_key is None
    assert not settings.llm_base_url
    assert "openai" in OPENAI
