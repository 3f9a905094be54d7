"""Reading scenario files, with a place for every mistake. Not here: what they may say."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from lab.scenario import Scenario

SCENARIOS = Path(__file__).parent / "scenarios"


class BadScenario(Exception):
    """A scenario file cannot be used; the message names the file, the line and the mistake."""


def load(path: Path) -> Scenario:
    """Read one file. Raises BadScenario naming file and line of every mistake."""
    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadScenario(f"{path}{_where(error)}") from None
    try:
        return Scenario.model_validate(values)
    except ValidationError as error:
        lines = [f"{path}:{_line(tree, e['loc'])}: {_said(e)}" for e in error.errors()]
        raise BadScenario("\n".join(lines)) from None


def load_all(folder: Path, *, only: str = "") -> list[Scenario]:
    """Every `*.yaml` and `*.yml` of a folder, sorted by file name. Raises BadScenario."""
    paths = sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])
    if not paths:
        raise BadScenario(f"{folder}: there is no scenario (*.yaml) in it")
    found = [load(path) for path in paths]
    ids = [scenario.id for scenario in found]
    if twice := sorted({one for one in ids if ids.count(one) > 1}):
        raise BadScenario(f"{folder}: the id {twice[0]!r} is used twice")
    if only and only not in ids:
        raise BadScenario(f"{folder}: no scenario has the id {only!r}; there are: {', '.join(ids)}")
    return [scenario for scenario in found if only in {"", scenario.id}]


def _said(error: Any) -> str:
    """One mistake of pydantic's as `where: what`."""
    where = ".".join(str(part) for part in error["loc"])
    said = str(error["msg"]).removeprefix("Value error, ")
    return f"{where}: {said}" if where else said


def _where(error: Exception) -> str:
    """The place, where there is one, and the mistake of a file that is no YAML."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return f": {error}"
    return f":{mark.line + 1}: {getattr(error, 'problem', '')}"


def _line(node: yaml.Node | None, loc: tuple[int | str, ...]) -> int:
    """The line of the deepest part of `loc` that is in the file."""
    line = node.start_mark.line + 1 if node else 1
    for part in loc:
        below = _child(node, part)
        if below is None:
            return line
        line, node = below
    return line


def _child(node: yaml.Node | None, part: int | str) -> tuple[int, yaml.Node] | None:
    """Line and node of one key or index."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    return None
