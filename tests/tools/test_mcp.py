import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from domain.errors import BadConfiguration, Permanent, Transient
from domain.tooling import EvidenceTool, Subject
from tools import mcp
from tools.mcp import McpTool, answered, check, filled, load

needs_extra = pytest.mark.skipif(
    find_spec(mcp.EXTRA) is None, reason="the extra nightshift[mcp] is not installed"
)
WEB = Subject(target="web-1", service="web", project="shop", host="local", kind="container")
SERVER = '''
from mcp.server.fastmcp import FastMCP
from mcp.types import ToolAnnotations

server = FastMCP("desk")
LOOKS = ToolAnnotations(readOnlyHint=True)


@server.tool(annotations=LOOKS)
def depth(queue: str) -> dict[str, int]:
    """How long a queue is."""
    return {"length": len(queue)}


@server.tool(annotations=LOOKS)
def fails() -> str:
    """Never works."""
    raise ValueError("password=hunter2 refused")


@server.tool(annotations=LOOKS)
async def hangs() -> str:
    """Never ends."""
    import asyncio
    await asyncio.sleep(60)
    return ""


@server.tool()
def purge() -> str:
    """Not known to be harmless."""
    return "gone"


server.run()
'''


@pytest.fixture
def desk(tmp_path: Path) -> dict[str, Any]:
    """How to start a server over stdio."""
    (tmp_path / "desk.py").write_text(SERVER)
    return {"command": sys.executable, "args": [str(tmp_path / "desk.py")]}


def written(folder: Path, server: dict[str, Any], **tools: Any) -> Path:
    """A file with these tools of one server."""
    path = folder / "mcp.json"
    path.write_text(json.dumps({"servers": {"desk": {**server, "tools": tools}}}))
    return path


def only(folder: Path, server: dict[str, Any], **tools: Any) -> McpTool:
    """The one tool of such a file."""
    (tool,) = load(written(folder, server, **tools))
    return tool


@needs_extra
async def test_a_tool_of_a_server_is_evidence(tmp_path: Path, desk: dict[str, Any]) -> None:
    """It is called with the target's names, and answers with its structured content."""
    tool = only(tmp_path, desk, depth={"name": "queue", "arguments": {"queue": "q-{service}"}})
    await check([tool])

    assert isinstance(tool, EvidenceTool)
    assert tool.kind == "custom_queue"
    assert await tool.look(WEB) == {"length": 5}


@needs_extra
async def test_what_may_write_is_not_called(tmp_path: Path, desk: dict[str, Any]) -> None:
    """Without readOnlyHint a tool stops the start, and is not called later either."""
    tool = only(tmp_path, desk, purge={})
    with pytest.raises(BadConfiguration, match="does not say that it only reads"):
        await check([tool])
    with pytest.raises(Permanent, match="does not say that it only reads"):
        await tool.look(WEB)


@needs_extra
async def test_a_person_may_vouch_for_a_tool(tmp_path: Path, desk: dict[str, Any]) -> None:
    """`trusted` in the file stands for the missing annotation."""
    answer = await only(tmp_path, desk, purge={"trusted": True}).look(WEB)

    assert "gone" in answer.values()


@needs_extra
async def test_a_misspelt_tool_stops_the_start(tmp_path: Path, desk: dict[str, Any]) -> None:
    """The message lists what the server has."""
    with pytest.raises(BadConfiguration, match=r"no tool 'dept'.*depth"):
        await check([only(tmp_path, desk, dept={})])


@needs_extra
async def test_errors_of_a_tool_are_told(tmp_path: Path, desk: dict[str, Any]) -> None:
    """Without the secrets in their words."""
    with pytest.raises(Permanent, match="refused") as caught:
        await only(tmp_path, desk, fails={}).look(WEB)

    assert "hunter2" not in str(caught.value)


@needs_extra
async def test_a_hanging_tool_is_late(tmp_path: Path, desk: dict[str, Any]) -> None:
    """It costs its time-out."""
    with pytest.raises(Transient, match="no answer in 2 s"):
        await only(tmp_path, desk, hangs={"timeout_s": 2}).look(WEB)


@needs_extra
@pytest.mark.parametrize(
    "server", [{"command": "/nowhere/at/all"}, {"url": "http://127.0.0.1:9/mcp"}]
)
async def test_a_server_that_is_gone_may_come_back(tmp_path: Path, server: dict[str, Any]) -> None:
    """Out of reach is no reason not to start; a look says so."""
    tool = only(tmp_path, server, depth={})
    await check([tool])
    with pytest.raises(Transient, match="desk"):
        await tool.look(WEB)


@pytest.mark.parametrize(
    ("server", "tool", "word"),
    [
        ({"command": "x"}, {"arguments": {"a": ["{logs}"]}}, "'logs' is no place"),
        ({"command": "x"}, {"name": "Bad Name"}, "tools.depth.name"),
        ({"command": "x"}, {"timeout_s": 60}, "timeout_s"),
        ({"command": "x"}, {"allow": True}, "tools.depth.allow"),
        ({"command": "x", "url": "http://x"}, {}, "either a command or a url"),
        ({"url": "file:///x"}, {}, "url"),
        ({"command": "x", "env": {"K": {"hunter2": 1}}}, {}, r"env\.K"),
    ],
)
def test_a_wrong_file_stops_the_start(
    tmp_path: Path, server: dict[str, Any], tool: dict[str, Any], word: str
) -> None:
    """The message names the place and repeats no value."""
    if "is no place" in word and find_spec(mcp.EXTRA) is None:
        pytest.skip("the extra nightshift[mcp] is not installed")
    with pytest.raises(BadConfiguration, match=word) as caught:
        load(written(tmp_path, server, depth=tool))

    assert "hunter2" not in str(caught.value)


def test_the_extra_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the message says what to install."""
    monkeypatch.setattr(mcp, "find_spec", lambda _: None)
    with pytest.raises(BadConfiguration, match=r"nightshift\[mcp\]"):
        load(written(tmp_path, {"command": "x"}, depth={}))


def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    """Nothing configured is nothing loaded; a missing file is an error."""
    with pytest.raises(BadConfiguration, match="cannot be read"):
        load(tmp_path / "nowhere.json")

    assert load(None) == []


def test_names_are_filled_in_once() -> None:
    """What a name holds is not itself read as a place."""
    odd = WEB.model_copy(update={"service": "{host}"})

    assert filled({"q": ["{service}/{host}"], "n": 1}, odd) == {"q": ["{host}/local"], "n": 1}


@pytest.mark.parametrize(
    ("text", "data"), [('{"a": 1}', {"a": 1}), ("[1]", {"text": "[1]"}), ("", {})]
)
def test_text_is_read_where_it_is_json(text: str, data: object) -> None:
    """Servers without structured content often answer JSON in text."""
    assert answered(None, text) == data
