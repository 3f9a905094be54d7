"""A shop with a website and a database, in a world of fakes around the real store."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from domain.alert import Alert
from domain.state import IncidentState
from nightshift.runs import first_state
from nightshift.testing import FixedRulebook, World, container, firing, match, open_world
from nodes.analyse import analyse
from nodes.monitor import monitor
from tests.nodes.steps import Begin, Node, Run, Words


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """`web` (with a health check) stands on `db`; the runbook says start, else restart."""
    web = container("web", health="healthy", depends_on=["db"])
    async with open_world(tmp_path, web, container("db")) as world:
        world.rulebook = FixedRulebook(match("start", "restart", needs=("stop",)))
        yield world


@pytest.fixture
def begin(world: World) -> Begin:
    """Accept an alert; the state its run begins with."""

    async def accepted(alert: Alert | None = None) -> IncidentState:
        await world.watch()
        incident = await world.accept(alert or firing())
        return first_state(await world.store.incident(incident))

    return accepted


@pytest.fixture
def run(world: World) -> Run:
    """Run these nodes one after the other, on the incident's own thread or another."""

    async def through(
        state: IncidentState, *nodes: Node, thread: str | None = None
    ) -> IncidentState:
        for node in nodes:
            news: Any = await node(state, world.runtime(thread or state["incident"]))
            state = {**state, **news}
        return state

    return through


@pytest.fixture
async def crashed(world: World, begin: Begin, run: Run) -> IncidentState:
    """`web` crashed, and policy allows to start it: the state before heal."""
    world.containers.crash("web")
    return await run(await begin(), monitor, analyse)


@pytest.fixture
def told(world: World) -> Words:
    """The texts of the incident's events of that kind."""

    async def texts(state: IncidentState, kind: str) -> list[str]:
        events = await world.store.timeline(state["incident"])
        return [event.text for event in events if event.kind == kind]

    return texts
