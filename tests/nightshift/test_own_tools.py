from pathlib import Path

import pytest

from domain.errors import BadConfiguration
from nightshift.own_tools import open_tools, own_kinds
from nightshift.settings import Settings

PING = f"{Path(__file__).parents[2] / 'examples' / 'ping_tool.py'}:ping"


async def test_settings_name_tools() -> None:
    """The kinds are known without asking anybody."""
    settings = Settings(_env_file=None, nightshift_tools=[PING])

    assert own_kinds(settings) == ["custom_ping"]
    assert [tool.kind for tool in await open_tools(settings)] == ["custom_ping"]


async def test_two_of_one_kind_are_refused() -> None:
    """No tool stands in for another of its name."""
    with pytest.raises(BadConfiguration, match="two tools make 'custom_ping'"):
        await open_tools(Settings(_env_file=None, nightshift_tools=[PING, PING]))
