"""The operator's own tools, as the settings name them. Not here: what a tool may be (tools/)."""

from collections.abc import Sequence

from domain.errors import BadConfiguration
from domain.tooling import EvidenceTool
from nightshift.settings import Settings
from tools.custom import load as load_functions
from tools.mcp import check
from tools.mcp import load as load_servers


async def open_tools(settings: Settings) -> list[EvidenceTool]:
    """All of them, MCP servers asked once. Raises BadConfiguration where one cannot be used."""
    servers = load_servers(settings.nightshift_mcp)
    tools: list[EvidenceTool] = [*load_functions(settings.nightshift_tools), *servers]
    kinds_of(tools)
    await check(servers)
    return tools


def own_kinds(settings: Settings) -> list[str]:
    """The evidence kinds that runbooks may read beside ours; no server is asked.

    Raises BadConfiguration where a tool cannot be used.
    """
    functions = load_functions(settings.nightshift_tools)
    return kinds_of([*functions, *load_servers(settings.nightshift_mcp)])


def kinds_of(tools: Sequence[EvidenceTool]) -> list[str]:
    """What these tools make. Raises BadConfiguration where two make the same."""
    kinds = [tool.kind for tool in tools]
    for kind in kinds:
        if kinds.count(kind) > 1:
            raise BadConfiguration(f"NIGHTSHIFT_TOOLS, NIGHTSHIFT_MCP: two tools make {kind!r}")
    return kinds
