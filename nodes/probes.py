"""Read-only looks that a model may ask for by id, before it decides. Not here: what it is told.

Code decides what each of them asks and where; a model contributes nothing but the id.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.deps import Deps
from domain.errors import NightshiftError
from domain.evidence import Evidence, Source
from domain.facts import ContainerFacts
from domain.plain import JsonValue, Plain
from domain.reasoning import Option
from domain.target import Target
from domain.tooling import EvidenceTool
from nodes.observe_custom import subject
from policy.reading import quoted

HISTORY = timedelta(hours=1)
HISTORY_STEP_S = 300.0
STORY_AT_MOST = 12
_MIB = 1024**2


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What a probe needs: ports, the target, and what was observed already, by kind."""

    deps: Deps
    target: Target
    kinds: dict[str, Plain]
    now: datetime

    @property
    def everyone(self) -> list[ContainerFacts]:
        """All containers, as they were listed in this round."""
        listed = self.kinds.get("inventory", {}).get("containers", [])
        return [ContainerFacts.model_validate(one) for one in listed if isinstance(one, dict)]  # type: ignore[union-attr]  # a list, as nodes/observe.py writes it

    @property
    def ill_dependencies(self) -> list[Target]:
        """The declared dependencies that are not well."""
        unwell = self.kinds.get("dependencies", {}).get("unwell")
        names = unwell if isinstance(unwell, list) else []
        return [
            facts.target
            for facts in self.everyone
            if facts.target.host == self.target.host and facts.target.name in names
        ]


Look = Callable[[Sight], Awaitable[tuple[str, Plain]]]


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One look: `applies` says whether it can show anything here; `look` returns query and data."""

    id: str
    line: str
    source: Source
    applies: Callable[[Sight], bool]
    look: Look


def on_offer(sight: Sight) -> list[Option]:
    """The probes that can show something about this target."""
    return [Option(name=one.id, line=one.line) for one in _known(sight) if one.applies(sight)]


async def take(sight: Sight, ids: list[str], *, round_: int) -> list[Evidence]:
    """Look, all at once and in time; a probe that fails becomes evidence that says so."""
    wanted = [one for one in _known(sight) if one.id in ids and one.applies(sight)]
    return list(await asyncio.gather(*(_take(sight, one, round_) for one in wanted)))


async def _take(sight: Sight, probe: Probe, round_: int) -> Evidence:
    known = {"id": f"{probe.id}@{round_}", "kind": probe.id, "source": probe.source}
    try:
        async with asyncio.timeout(sight.deps.limits.evidence_deadline_s):
            query, data = await probe.look(sight)
    except (TimeoutError, NightshiftError) as error:
        why = str(error) or "no answer in time"
        missing = {"status": "error", "query": probe.id, "summary": why}
        return Evidence.model_validate({**known, **missing, "at": sight.now})
    status = "ok" if data else "no_data"
    found = {"status": status, "query": query, "summary": probe.line, "data": data}
    return Evidence.model_validate({**known, **found, "at": sight.now})


async def _more_logs(sight: Sight) -> tuple[str, Plain]:
    lines = sight.deps.limits.log_lines
    tail = await sight.deps.containers.logs(sight.target, lines=lines)
    wrong = [line for line in tail.lines if _sounds_wrong(line)]
    return f"logs tail={lines}", _lines(wrong or tail.lines)


async def _dependency_logs(sight: Sight) -> tuple[str, Plain]:
    data: Plain = {}
    for target in sight.ill_dependencies[:2]:
        tail = await sight.deps.containers.logs(target, lines=20)
        data[target.name] = _lines(tail.lines)
    return "logs of dependencies, tail=20", data


async def _memory_history(sight: Sight) -> tuple[str, Plain]:
    name = sight.target.name.replace("\\", "\\\\").replace('"', '\\"')
    query = f'container_memory_working_set_bytes{{name="{name}"}}'
    if sight.deps.metrics is None:
        return query, {}
    answer = await sight.deps.metrics.range(
        query, start=sight.now - HISTORY, end=sight.now, step_s=HISTORY_STEP_S
    )
    values = [one.value / _MIB for one in sorted(answer.samples, key=lambda one: one.at)]
    if not values:
        return query, {}
    shown = ", ".join(f"{value:.0f}" for value in values[-STORY_AT_MOST:])
    return query, {"mib_every_5_min": shown, "low": f"{min(values):.0f}", "now": values[-1]}


async def _timeline(sight: Sight) -> tuple[str, Plain]:
    story = await sight.deps.ledger.stop_story(sight.target.key)
    told = [
        f"{(sight.now - event.at).total_seconds():.0f}s ago {event.action}"
        + (f" with {event.exit_code}" if event.exit_code is not None else "")
        for event in story
    ]
    return f"events of {sight.target.key}", {
        "said": "; ".join(told[-STORY_AT_MOST:])
    } if told else {}


async def _neighbours(sight: Sight) -> tuple[str, Plain]:
    here = [one for one in sight.everyone if one.target.host == sight.target.host]
    ill = [f"{one.target.name} {one.status}" for one in here if not one.well]
    return "containers/json?all=1", {"on_this_host": len(here), "unwell": list[JsonValue](ill)}


def _lines(lines: list[str]) -> Plain:
    return {"lines": list[JsonValue](quoted(lines))} if lines else {}


def _sounds_wrong(line: str) -> bool:
    return any(word in line.lower() for word in ("error", "fatal", "panic", "exception", "refused"))


def _known(sight: Sight) -> list[Probe]:
    return [*PROBES, *(_again(tool) for tool in sight.deps.tools)]


def _again(tool: EvidenceTool) -> Probe:
    """An operator's tool asked once more: its first answer is evidence already."""

    async def look(sight: Sight) -> tuple[str, Plain]:
        data = await tool.look(subject(sight.target, sight.everyone))
        return f"{tool.kind}({sight.target.key})", data

    return Probe(
        id=f"{tool.kind}_again",
        line=f"now once more: {tool.line}",
        source="custom",
        applies=lambda _: True,
        look=look,
    )


def _is_container(sight: Sight) -> bool:
    return sight.target.kind == "container"


PROBES: tuple[Probe, ...] = (
    Probe(
        id="more_logs",
        line="error lines further back in its log",
        source="docker",
        applies=lambda sight: _is_container(sight) and "logs" in sight.kinds,
        look=_more_logs,
    ),
    Probe(
        id="dependency_logs",
        line="last log lines of its ill dependencies",
        source="docker",
        applies=lambda sight: bool(sight.ill_dependencies),
        look=_dependency_logs,
    ),
    Probe(
        id="memory_history",
        line="its memory over the last hour",
        source="prometheus",
        applies=lambda sight: _is_container(sight) and sight.deps.metrics is not None,
        look=_memory_history,
    ),
    Probe(
        id="timeline",
        line="its latest starts, stops and deaths",
        source="ledger",
        applies=_is_container,
        look=_timeline,
    ),
    Probe(
        id="neighbours",
        line="who else is unwell on its host",
        source="docker",
        applies=lambda sight: len(sight.everyone) > 1,
        look=_neighbours,
    ),
)
