import asyncio
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.errors import BadConfiguration, NightshiftError, Permanent, Transient
from domain.tooling import EvidenceTool, Subject
from tools.custom import CALLS_AT_ONCE, FunctionTool, load

WEB = Subject(
    target="shop-web-1",
    service="web",
    project="shop",
    host="local",
    kind="container",
    labels={"port": "80"},
)
GOOD = 'def depth(service: str) -> dict[str, float | str]:\n    """Messages."""\n    '
Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of one tool; how to name its function `depth`."""

    def written(text: str) -> str:
        (tmp_path / "mine.py").write_text(text)
        return f"{tmp_path / 'mine.py'}:depth"

    return written


def made(function: Callable[..., object], **changes: object) -> FunctionTool:
    """A tool of that function, as if it had been checked."""
    known: dict[str, object] = {"timeout_s": 5.0, "parameters": ()}
    return FunctionTool(kind="custom_x", line="x", function=function, **{**known, **changes})  # type: ignore[arg-type]  # values by name


async def test_a_function_is_a_tool(write: Write) -> None:
    """Its name makes the kind, its docstring the line, and it is told what it takes."""
    (tool,) = load([write(GOOD + "return {'of': service, 'n': 3}")])

    assert isinstance(tool, EvidenceTool)
    assert (tool.kind, tool.line) == ("custom_depth", "Messages.")
    assert await tool.look(WEB) == {"of": "web", "n": 3}


async def test_an_async_function_is_a_tool(write: Write) -> None:
    """A coroutine is run to its end."""
    (tool,) = load([write("async " + GOOD + "return {'n': 1}") + "@2"])

    assert tool.timeout_s == 2.0
    assert await tool.look(WEB) == {"n": 1}


def test_a_module_is_found_by_name(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever can be imported can be named."""
    write(GOOD + "return {}")
    monkeypatch.syspath_prepend(str(tmp_path))
    (tool,) = load(["mine:depth"])
    sys.modules.pop("mine")

    assert tool.kind == "custom_depth"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("depth = 3", "no function 'depth'"),
        ('def depth(alert: str) -> dict[str, int]:\n  "x"', "cannot be given 'alert: str'"),
        ('def depth(*labels: str) -> dict[str, int]:\n  "x"', "cannot be given"),
        ('def depth(target) -> dict[str, int]:\n  "x"', "annotate 'target' as str"),
        (
            'def depth(labels: str) -> dict[str, int]:\n  "x"',
            r"annotate 'labels' as dict\[str, str",
        ),
        ('def depth(target: str):\n  "x"', "annotate what it returns"),
        ('def depth(target: str) -> dict[str, object]:\n  "x"', "annotate what it returns"),
        ('def depth(target: str) -> list[int]:\n  "x"', "annotate what it returns"),
        ('def depth(target: "Nope") -> dict[str, int]:\n  "x"', "annotations cannot be read"),
        ("def depth(target: str) -> dict[str, int]: ...", "give it a docstring"),
        ("import nowhere_at_all", "No module named.*PYTHONPATH"),
        ("1 / 0", "importing it failed: ZeroDivisionError"),
    ],
)
def test_what_cannot_be_used_stops_the_start(write: Write, text: str, word: str) -> None:
    """The message names the setting, the entry and what to do."""
    with pytest.raises(BadConfiguration, match=rf"NIGHTSHIFT_TOOLS: .*mine.*{word}"):
        load([write(text)])


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ("nowhere_at_all:x", "PYTHONPATH"),
        ("nowhere", "module:function"),
        ("/nowhere/x.py:x", "there is no file"),
        ("json:dumps@60", "time-out"),
        ("json:JSONEncoder", "small letters"),
    ],
)
def test_what_is_not_there_stops_the_start(spec: str, word: str) -> None:
    """A misspelt entry is told at start, not at night."""
    with pytest.raises(BadConfiguration, match=word):
        load([spec])


async def test_a_failure_is_told_without_secrets() -> None:
    """What the function raised becomes words, but no password leaves it."""

    def broken() -> None:
        raise KeyError("password=hunter2 is wrong")

    with pytest.raises(Permanent, match="KeyError") as caught:
        await made(broken).look(WEB)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("result", "word"),
    [
        ([1], "not a dict"),
        ({"x": float("nan")}, "no JSON"),
        ({"x": object()}, "no JSON"),
        ({"x": "y" * 20_000}, "16384 are allowed"),
    ],
)
async def test_only_bounded_json_is_taken(result: object, word: str) -> None:
    """What is too large or no JSON is an error, not evidence."""
    with pytest.raises(Permanent, match=word):
        await made(lambda: result).look(WEB)


async def test_a_hanging_one_is_late_and_not_piled_up() -> None:
    """It costs its time-out; with too many calls under way it is not called again."""
    free = threading.Event()
    tool = made(lambda: free.wait(20) and None, timeout_s=0.05)
    looks = (tool.look(WEB) for _ in range(CALLS_AT_ONCE + 1))
    ended = await asyncio.gather(*looks, return_exceptions=True)
    free.set()

    assert all(isinstance(one, Transient) for one in ended)
    assert "have not ended" in str(ended[-1])


async def test_a_seat_is_given_back() -> None:
    """Failures do not use a tool up."""

    def broken() -> None:
        raise ValueError

    tool = made(broken)
    for _ in range(CALLS_AT_ONCE + 1):
        with pytest.raises(NightshiftError, match="ValueError"):
            await tool.look(WEB)
