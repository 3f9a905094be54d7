"""What an operator's own tools see of a target. Not here: how they are loaded, or conclusions."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from domain.evidence import Evidence, Source
from domain.facts import ContainerFacts
from domain.plain import Plain
from domain.target import Target
from domain.tooling import EvidenceTool, Subject
from nodes.view import View

CustomLook = tuple[str, Source, Callable[[View], Awaitable[Evidence]]]
SUMMARY_LIMIT = 200


def custom_looks(view: View) -> list[CustomLook]:
    """One look a tool, each for its own time and with its own failure."""
    return [(tool.kind, "custom", partial(_look, tool)) for tool in view.deps.tools]


async def _look(tool: EvidenceTool, view: View) -> Evidence:
    data = await tool.look(subject(view.target, view.everyone))
    query = f"{tool.kind}({view.target.key})"
    if not data:
        return view.note(tool.kind, "custom", query, "no data", status="no_data")
    return view.note(tool.kind, "custom", query, _summary(data), data)


def subject(target: Target, everyone: Sequence[ContainerFacts]) -> Subject:
    """The names by which a target is known, and the labels of a container."""
    labels = next((facts.labels for facts in everyone if facts.target == target), {})
    return Subject(
        target=target.name,
        service=target.service,
        project=target.project,
        host=target.host,
        kind=target.kind,
        labels=dict(labels),
    )


def _summary(data: Plain) -> str:
    told = ", ".join(f"{name}={value}" for name, value in data.items())
    return " ".join(told[: SUMMARY_LIMIT * 2].split())[:SUMMARY_LIMIT]
