"""What docs/custom-tools.md says, held against the code."""

import re
import socket
from importlib.util import find_spec
from pathlib import Path

import pytest

from domain.errors import BadConfiguration
from domain.evidence import Situation
from domain.plain import Plain
from domain.tooling import Subject
from tools import mcp
from tools.custom import PARAMETERS
from tools.custom import load as load_tools
from tools.mcp import load as load_mcp
from tools.runbooks import load as load_runbooks
from tools.vocabulary import EXAMPLE

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "custom-tools.md").read_text(encoding="utf-8")
FILE = ROOT / "examples" / "ping_tool.py"


def block(language: str) -> str:
    """The guide's block in that language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", GUIDE, flags=re.DOTALL)
    return str(found)


def subject(port: int) -> Subject:
    """A container that names this port."""
    labels = {"ping.port": str(port)}
    return Subject(
        target="q-1", service="q", project="", host="local", kind="container", labels=labels
    )


def test_the_file_shown_is_the_file_shipped() -> None:
    """Who copies either has the same."""
    assert block("python") == FILE.read_text(encoding="utf-8")


async def test_the_example_answers() -> None:
    """It tells a port that accepts from one that does not, and says nothing without a port."""
    (tool,) = load_tools([f"{FILE}:ping"])
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        good = await tool.look(subject(port))
    bad = await tool.look(subject(port))

    assert (good["accepts"], bad["accepts"]) == (True, False)
    assert await tool.look(subject(0)) == {}


def test_the_runbook_reads_it(tmp_path: Path) -> None:
    """With the tool it can be loaded and matches what the tool saw; without it, it does not."""
    (tmp_path / "one.md").write_text(block("markdown"), encoding="utf-8")
    changes: Plain = {"status": "running", "up_s": 100.0, "missing_networks": []}
    running = {**EXAMPLE["container"], **changes}
    seen: Situation = {"container": running, "custom_ping": {"accepts": False, "ms": 0.0}}
    match = load_runbooks(tmp_path, ["custom_ping"]).match(seen)

    assert match
    assert match.runbook == "accepts-nothing"
    with pytest.raises(BadConfiguration, match=r"no tool makes 'custom_ping'.*NIGHTSHIFT_TOOLS"):
        load_runbooks(tmp_path)


def test_every_parameter_is_in_the_table() -> None:
    """The table has the closed set and nothing else."""
    assert re.findall(r"^\| `(\w+)` \|", GUIDE, flags=re.MULTILINE) == list(PARAMETERS)


@pytest.mark.skipif(find_spec(mcp.EXTRA) is None, reason="nightshift[mcp] is not installed")
def test_the_mcp_file_can_be_loaded(tmp_path: Path) -> None:
    """The kinds are those that the guide says."""
    path = tmp_path / "mcp.json"
    path.write_text(block("json"), encoding="utf-8")

    assert [tool.kind for tool in load_mcp(path)] == ["custom_queue", "custom_find"]
