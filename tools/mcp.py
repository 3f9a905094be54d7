"""Tools of MCP servers as sources of evidence: allow-listed, read-only, with fixed arguments.

A session is opened for each look and closed after it, so that a server may come and go. Not here:
functions of an operator's own (tools/custom.py), or when a tool is asked.
"""

import asyncio
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from domain.errors import BadConfiguration, NightshiftError, Permanent, Transient
from domain.plain import JsonValue, Plain
from domain.tooling import PLACES, PREFIX, Subject
from tools.custom import LONGEST_S, TIMEOUT_S, bounded, said

log = logging.getLogger(__name__)
_PLACE = re.compile(r"\{([^{}]*)\}")
EXTRA = "langchain_mcp_adapters"


class Wanted(BaseModel):
    """A tool that may be called, and with what; `name` is that of its evidence kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="", pattern=r"^([a-z][a-z0-9_]{0,39})?$")
    line: str = Field(default="", max_length=120)
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    trusted: Literal[True, False] = False
    timeout_s: float = Field(default=TIMEOUT_S, gt=0, le=LONGEST_S)


class ServerEntry(BaseModel):
    """One server: a command to start, or the URL of one that runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: str = ""
    args: list[str] = Field(default_factory=list)
    env: dict[str, SecretStr] = Field(default_factory=dict)
    url: str = Field(default="", pattern=r"^(https?://.+)?$")
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    tools: dict[str, Wanted] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_way(self) -> "ServerEntry":
        if bool(self.command) == bool(self.url):
            raise ValueError("give either a command or a url")
        return self

    def connection(self) -> Any:
        """The server in the words of langchain-mcp-adapters."""
        if self.url:
            headers = {key: value.get_secret_value() for key, value in self.headers.items()}
            return {"transport": "streamable_http", "url": self.url, "headers": headers}
        env = {key: value.get_secret_value() for key, value in self.env.items()}
        known = {"transport": "stdio", "command": self.command, "args": self.args}
        return {**known, "env": env or None}


class File(BaseModel):
    """What NIGHTSHIFT_MCP points at; docs/custom-tools.md explains it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    servers: dict[str, ServerEntry]


@dataclass(frozen=True, kw_only=True)
class McpTool:
    """One tool of one server. Whether it says that it only reads is asked before every call."""

    kind: str
    line: str
    server: str
    tool: str
    entry: ServerEntry
    wanted: Wanted

    async def look(self, subject: Subject) -> Plain:
        """Call it once. Raises Transient when it cannot be reached, Permanent when it says no."""
        arguments = filled(self.wanted.arguments, subject)
        denied, result = await self._session(arguments)
        if denied:
            raise Permanent(denied)
        if result.isError:
            raise Permanent(f"{self.kind} failed: {said(Exception(_text(result)))}")
        return bounded(answered(result.structuredContent, _text(result)), self.kind)

    async def check(self) -> None:
        """Whether it is there and only reads. Raises BadConfiguration; Transient: out of reach."""
        denied, _ = await self._session(None)
        if denied:
            raise BadConfiguration(f"NIGHTSHIFT_MCP: {denied}")

    async def _session(self, arguments: Plain | None) -> tuple[str, Any]:
        """In one session: why it must not be called, else what it answers to the arguments."""
        from langchain_mcp_adapters.sessions import create_session
        from mcp.shared.exceptions import McpError

        try:
            async with (
                asyncio.timeout(self.wanted.timeout_s),
                create_session(self.entry.connection()) as session,
            ):
                await session.initialize()
                denied = await self._denied(session)
                if denied or arguments is None:
                    return denied, None
                return "", await session.call_tool(self.tool, arguments)
        except TimeoutError:
            raise Transient(f"{self.kind}: no answer in {self.wanted.timeout_s:g} s") from None
        except (OSError, RuntimeError, ValueError, McpError, httpx.HTTPError) as error:
            raise Transient(f"{self.server}: {type(error).__name__}: {said(error)}") from None
        except ExceptionGroup as group:
            raise Transient(f"{self.server}: {said(_first(group))}") from None

    async def _denied(self, session: Any) -> str:
        page = await session.list_tools()
        known = {one.name: one for one in page.tools}
        while self.tool not in known and page.nextCursor:
            page = await session.list_tools(page.nextCursor)
            known |= {one.name: one for one in page.tools}
        if self.tool not in known:
            shown = said(Exception(", ".join(sorted(known))))
            return f"{self.server} has no tool {self.tool!r}; there are {shown}"
        hints = known[self.tool].annotations
        if self.wanted.trusted or (hints is not None and hints.readOnlyHint is True):
            return ""
        mend = 'write "trusted": true beside it if you know that it only reads'
        return f"{self.tool!r} of {self.server} does not say that it only reads; {mend}"


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


def _text(result: Any) -> str:
    return "\n".join(str(one.text) for one in result.content if one.type == "text")


def answered(structured: Mapping[str, object] | None, text: str) -> Mapping[str, object]:
    """A structured answer as it is, a JSON object in text read, other text under `text`."""
    if structured is not None:
        return structured
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return found
    return {"text": text} if text else {}


def filled(template: dict[str, JsonValue], subject: Subject) -> Plain:
    """The arguments, with `{target}`, `{service}` … replaced by the target's names, once."""
    names = {place: str(getattr(subject, place)) for place in PLACES}
    return {key: _fill(value, names) for key, value in template.items()}


def _fill(value: JsonValue, names: Mapping[str, str]) -> JsonValue:
    if isinstance(value, str):
        return _PLACE.sub(lambda found: names[found[1]], value)
    if isinstance(value, list):
        return [_fill(one, names) for one in value]
    if isinstance(value, dict):
        return {key: _fill(one, names) for key, one in value.items()}
    return value


def load(path: Path | None) -> list[McpTool]:
    """The tools that the file allows; no server is asked yet. Raises BadConfiguration."""
    if path is None:
        return []
    file = _read(path)
    if find_spec(EXTRA) is None:
        raise BadConfiguration("NIGHTSHIFT_MCP needs the extra: pip install 'nightshift[mcp]'")
    return [
        _tool(server, entry, tool, wanted)
        for server, entry in file.servers.items()
        for tool, wanted in entry.tools.items()
    ]


def _read(path: Path) -> File:
    try:
        return File.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise _wrong(f"{str(path)!r} cannot be read: {why}") from None
    except ValidationError as error:
        told = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise _wrong(f"{str(path)!r} is wrong: {'; '.join(told)}") from None


def _tool(server: str, entry: ServerEntry, tool: str, wanted: Wanted) -> McpTool:
    name = wanted.name or re.sub(r"[^a-z0-9_]+", "_", tool.lower())[:40]
    try:
        _fill(wanted.arguments, dict.fromkeys(PLACES, ""))
    except KeyError as error:
        known = ", ".join(f"{{{place}}}" for place in PLACES)
        raise _wrong(f"{server}.{tool}: {error.args[0]!r} is no place; there are {known}") from None
    line = wanted.line or f"what {tool} of the MCP server {server} says"
    return McpTool(
        kind=PREFIX + name, line=line, server=server, tool=tool, entry=entry, wanted=wanted
    )


def _wrong(what: str) -> BadConfiguration:
    return BadConfiguration(f"NIGHTSHIFT_MCP: {what}")


async def check(tools: list[McpTool]) -> None:
    """Ask the servers once at start. Raises BadConfiguration; one out of reach may come later."""
    for tool in tools:
        try:
            await tool.check()
        except BadConfiguration:
            raise
        except NightshiftError as error:
            log.warning("%s cannot be asked now: %s", tool.kind, error)
