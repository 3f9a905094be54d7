"""Functions of an operator's own as sources of evidence: loaded, checked, called in time.

Not here: tools of MCP servers (tools/mcp.py), or when a tool is asked (nodes/observe_custom.py).
"""

import asyncio
import importlib
import inspect
import json
import re
import sys
import threading
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from domain.errors import BadConfiguration, Permanent, Transient
from domain.plain import Plain
from domain.tooling import PLACES, PREFIX, Subject
from policy.abstract import clean
from policy.redact import Redactor

TIMEOUT_S = 5.0
LONGEST_S = 7.0
"""Below the deadline of a whole round of evidence."""
OUTPUT_LIMIT = 16 * 1024
"""Bytes of JSON that one look may return."""
CALLS_AT_ONCE = 4
"""Calls of one function that may be under way, those that hang included."""
WORD_LIMIT = 200
PARAMETERS: dict[str, Any] = {**dict.fromkeys(PLACES, str), "labels": dict[str, str]}
SIGNATURE = (
    "(target: str, service: str, project: str, host: str, kind: str, labels: dict[str, str])"
)
_SPEC = re.compile(r"(?P<module>.+):(?P<function>[A-Za-z_]\w*)(?:@(?P<seconds>\d+(?:\.\d+)?))?")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, kw_only=True)
class FunctionTool:
    """A checked function; it runs in a thread of its own, so that it can hold up nobody."""

    kind: str
    line: str
    function: Callable[..., Any]
    parameters: tuple[str, ...]
    timeout_s: float = TIMEOUT_S
    _seats: threading.Semaphore = field(
        default_factory=lambda: threading.Semaphore(CALLS_AT_ONCE), repr=False
    )

    async def look(self, subject: Subject) -> Plain:
        """Call it once. Raises Transient when it is late, Permanent when it fails."""
        if not self._seats.acquire(blocking=False):
            raise Transient(f"{self.kind}: {CALLS_AT_ONCE} calls before this one have not ended")
        told = {name: getattr(subject, name) for name in self.parameters}
        answer = _in_thread(lambda: self._call(told), name=self.kind)
        try:
            async with asyncio.timeout(self.timeout_s):
                return await answer
        except TimeoutError:
            raise Transient(f"{self.kind}: no answer in {self.timeout_s:g} s") from None

    def _call(self, told: dict[str, Any]) -> Plain:
        try:
            result = self.function(**told)
            if inspect.iscoroutine(result):
                result = asyncio.run(asyncio.wait_for(result, self.timeout_s + 1))
        except (Exception, SystemExit) as error:  # noqa: BLE001  # the code is not ours: it may raise anything
            raise Permanent(f"{self.kind} failed: {type(error).__name__}: {said(error)}") from None
        finally:
            self._seats.release()
        return bounded(result, self.kind)


def _in_thread(call: Callable[[], Plain], *, name: str) -> asyncio.Future[Plain]:
    """Run it in a daemon thread, which even when it hangs does not keep the process from ending."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Plain] = loop.create_future()

    def settle(result: Plain | None, error: Permanent | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result or {})

    def run() -> None:
        result, failure = None, None
        try:
            result = call()
        except Permanent as error:
            failure = error
        with suppress(RuntimeError):  # the loop has closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, name=name, daemon=True).start()
    return answer


def bounded(result: object, kind: str) -> Plain:
    """What a tool returned, as JSON of a bounded size. Raises Permanent."""
    if result is None:
        return {}
    if not isinstance(result, Mapping):
        raise Permanent(f"{kind} returned {type(result).__name__}, not a dict")
    try:
        text = json.dumps(dict(result), allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise Permanent(f"{kind} returned what is no JSON: {said(error)}") from None
    size = len(text.encode(errors="replace"))
    if size > OUTPUT_LIMIT:
        raise Permanent(f"{kind} returned {size} bytes; {OUTPUT_LIMIT} are allowed")
    plain: Plain = json.loads(text)
    return plain


def said(error: BaseException) -> str:
    """An error's words without secrets, on one bounded line."""
    return clean(Redactor()(str(error)[:2000]), WORD_LIMIT)


def load(specs: Sequence[str]) -> list[FunctionTool]:
    """The functions named by NIGHTSHIFT_TOOLS: `module:function` or `/path/file.py:function`.

    A number after `@` is its time-out in seconds. Raises BadConfiguration.
    """
    return [_tool(spec) for spec in specs]


def _tool(spec: str) -> FunctionTool:
    found = _SPEC.fullmatch(spec)
    if found is None:
        raise _wrong(spec, "write it as module:function or /path/file.py:function")
    name = found["function"]
    if not _NAME.fullmatch(name):
        raise _wrong(spec, f"call it by small letters, digits and _, not {name!r}")
    seconds = float(found["seconds"] or TIMEOUT_S)
    if not 0 < seconds <= LONGEST_S:
        raise _wrong(spec, f"a time-out lies above 0 and at most at {LONGEST_S:g} s")
    function = getattr(_module(found["module"], spec), name, None)
    if not inspect.isfunction(function):
        raise _wrong(spec, f"the module has no function {name!r}")
    return FunctionTool(
        kind=PREFIX + name,
        line=_first_line(function, spec),
        function=function,
        parameters=_parameters(function, spec),
        timeout_s=seconds,
    )


def _module(name: str, spec: str) -> types.ModuleType:
    try:
        return _file(Path(name), spec) if name.endswith(".py") else importlib.import_module(name)
    except BadConfiguration:
        raise
    except ModuleNotFoundError as error:
        hint = "put its folder on PYTHONPATH, or give the path of its file"
        raise _wrong(spec, f"{said(error)}; {hint}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the code is not ours: it may raise anything
        raise _wrong(spec, f"importing it failed: {type(error).__name__}: {said(error)}") from None


def _file(path: Path, spec: str) -> types.ModuleType:
    name = f"nightshift_custom_{path.stem}"
    found = spec_from_file_location(name, path) if path.is_file() else None
    if found is None or found.loader is None:
        raise _wrong(spec, f"there is no file {str(path)!r}")
    module = module_from_spec(found)
    sys.modules[name] = module
    found.loader.exec_module(module)
    return module


def _first_line(function: Callable[..., Any], spec: str) -> str:
    words = clean((inspect.getdoc(function) or "").split("\n\n")[0], 120)
    if not words:
        raise _wrong(spec, "give it a docstring: its first line says what it shows")
    return words


def _parameters(function: Callable[..., Any], spec: str) -> tuple[str, ...]:
    """The names that it takes. Raises BadConfiguration where it cannot be told them."""
    try:
        hints = typing.get_type_hints(function)
    except (NameError, TypeError, AttributeError) as error:
        raise _wrong(spec, f"its annotations cannot be read: {said(error)}") from None
    taken = inspect.signature(function).parameters
    for name, one in taken.items():
        if name not in PARAMETERS or one.kind not in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY):
            raise _wrong(spec, f"it cannot be given {str(one)!r}; take some of {SIGNATURE}")
        if not _fits(hints.get(name), PARAMETERS[name]):
            wanted = inspect.formatannotation(PARAMETERS[name])
            raise _wrong(spec, f"annotate {name!r} as {wanted}")
    if not is_json_dict(hints.get("return")):
        raise _wrong(
            spec, "annotate what it returns as dict[str, …] of float, int, str, bool, list"
        )
    return tuple(taken)


def _fits(given: object, wanted: object) -> bool:
    return given == wanted or (wanted is not str and given == Mapping[str, str])


def is_json_dict(annotation: object) -> bool:
    """Whether an annotation is a dict of JSON values by name."""
    return typing.get_origin(annotation) in (dict, Mapping) and _is_json(annotation)


def _is_json(annotation: object) -> bool:
    if annotation in (str, int, float, bool, None, type(None)):
        return True
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        return all(map(_is_json, parts))
    if origin in (list, Sequence):
        return _is_json(parts[0])
    if origin is typing.Literal:
        return all(isinstance(one, str | int | bool | None) for one in parts)
    return origin in (dict, Mapping) and parts[0] is str and _is_json(parts[1])


def _wrong(spec: str, what: str) -> BadConfiguration:
    return BadConfiguration(f"NIGHTSHIFT_TOOLS: {spec!r} cannot be used: {what}")
