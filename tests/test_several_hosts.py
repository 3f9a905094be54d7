"""Several processes over one PostgreSQL: one dies or freezes while it heals, another takes over.

The processes are real, Docker is a stand-in here that can hold a request.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from domain.errors import NotFound
from lab.alerting import first_incidents
from lab.processes import Processes, environment, free_port
from lab.standins.docker import DockerStandin
from lab.standins.serving import serving
from lab.world import Service, World
from memory.store import open_store
from nightshift.clock import SystemClock
from tests.test_crash import SCOPE, Gate, Hold, delivery

PATIENCE_S = 120.0


@dataclass(kw_only=True)
class Fleet:
    """A front that accepts, workers by name, and the containers they look after."""

    world: World
    gate: Gate
    docker: str
    database: str
    folder: Path
    processes: Processes
    settings: dict[str, str]
    port: int = field(default_factory=free_port)
    pids: dict[str, int] = field(default_factory=dict)

    @property
    def http(self) -> httpx.AsyncClient:
        """A client of the front."""
        base = f"http://127.0.0.1:{self.port}"
        return httpx.AsyncClient(base_url=base, timeout=PATIENCE_S, trust_env=False)

    async def start(self, name: str, *words: str) -> None:
        """Start a process and return when it works or listens."""
        settings = {
            "DATABASE_URL": self.database,
            "NIGHTSHIFT_DATA_DIR": str(self.folder / f"{name}-data"),
            "NIGHTSHIFT_PORT": str(self.port),
            "NIGHTSHIFT_STABLE_FOR_S": "0",
            "NIGHTSHIFT_VERIFY_FOR_S": "5",
            "NIGHTSHIFT_CHECK_EVERY_S": "0",
            "NIGHTSHIFT_LOG_LEVEL": "WARNING",
            "DOCKER_HOSTS": f"ward={self.docker}",
            "DOCKER_SCOPE": "nightshift.enable=true",
            **self.settings,
        }
        command = [sys.executable, "-m", "nightshift", *words]
        self.pids[name] = await self.processes.start(name, command, env=environment(**settings))
        await self.says(name, "nightshift works" if "worker" in words else "nightshift listens")

    async def says(self, name: str, words: str) -> None:
        """Return when these words stand in its output."""
        async with asyncio.timeout(PATIENCE_S):
            while words not in self.processes.log(name).read_text(errors="replace"):
                assert self.processes.ended(name) is None, self.processes.last_words(name)
                await asyncio.sleep(0.05)  # another process's file tells nobody

    def sends(self, name: str, what: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pids[name], what)

    async def hangs(self, name: str) -> str:
        """The container hangs, who watches has heard of it, its alert is accepted."""
        await self.gate.when(lambda: self.gate.count("/events$") > 0)
        path = f"/containers/{self.world.get(name).id}/json$"
        with self.world.subscribe() as events:
            await self.world.break_(name, "hung")
            while self.world.get(name).health != "unhealthy":
                await events.get()
        looks, body = self.gate.count(path), delivery(name)
        await self.gate.when(lambda: self.gate.count(path) > looks)
        async with self.http as http:
            answer = await http.post("/alert", json=body)
        assert answer.status_code == 202, answer.text
        return first_incidents(body)[0]

    def looks(self, name: str) -> Hold:
        """Hold the next look at it."""
        return self.gate.hold("GET", f"/{self.world.get(name).id}/json$")

    async def about_to_act(self, name: str, incident: str, hold: Hold) -> Hold:
        """The look at the target that heal takes before it promises anything, held.

        `hold` is an earlier one: all looks until then are let go one by one.
        """
        opening = open_store(self.database, clock=SystemClock(), owner=False)
        async with asyncio.timeout(PATIENCE_S), opening as store:
            while True:
                await hold.reached.wait()
                with suppress(NotFound):  # accepted, and not sorted yet
                    told = [event.kind for event in await store.timeline(incident)]
                    if "diagnosis" in told:
                        return hold
                earlier, hold = hold, self.looks(name)
                earlier.let_go()

    async def promised(self, name: str, incidents: dict[str, str]) -> Hold:
        """The look between the promise and the call, held; its incident joins the others."""
        first = self.looks(name)
        incidents[name] = await self.hangs(name)
        deciding = await self.about_to_act(name, incidents[name], first)
        last = self.looks(name)
        deciding.let_go()
        await last.reached.wait()
        return last

    def calls(self, name: str, *, after: bool) -> Hold:
        """Hold the next restart of it, before or after it takes effect."""
        return self.gate.hold("POST", f"/{self.world.get(name).id}/restart$", after=after)

    async def until(self, incident: str, kind: str) -> None:
        """Follow the incident's stream, at the front, to an event of that kind."""
        async with self.http as http, http.stream("GET", f"/incidents/{incident}/events") as lines:
            async for line in lines.aiter_lines():
                if line == f"event: {kind}":
                    return
        raise AssertionError(f"the stream of {incident} ended without {kind}")

    def effects(self, name: str) -> list[str]:
        """What was done to it through Docker's API, in vain or not."""
        return [action.verb for action in self.world.actions if action.name == name]

    async def all_ended(self, **outcomes: str) -> None:
        """These incidents ended so, there are no others, and the audit trail is whole.

        The last word is told a moment before the incident is closed with it.
        """
        async with open_store(self.database, clock=SystemClock(), owner=False) as store:
            async with asyncio.timeout(15):
                while not all(row.outcome for row in await store.incidents(limit=99)):
                    await store.wait_change(None, timeout=0.1)
            found = {row.id: row.outcome for row in await store.incidents(limit=99)}
            audit = await store.audit()

        assert found == outcomes
        assert audit.broken is None


@asynccontextmanager
async def a_fleet(
    folder: Path, database: str, *names: str, **settings: str
) -> AsyncIterator[Fleet]:
    """A front and one worker over these containers, all well."""
    world = World()
    for name in names:
        world.add(Service(name=name, labels=SCOPE))
    gate = Gate(DockerStandin(world))
    async with serving(gate) as url, Processes(folder) as processes:
        fleet = Fleet(
            world=world,
            gate=gate,
            docker=url.replace("http://", "tcp://"),
            database=database,
            folder=folder,
            processes=processes,
            settings=settings,
        )
        await fleet.start("front", "serve", "--no-worker")
        await fleet.start("one", "worker")
        yield fleet
    await world.aclose()


MOMENTS = {"promised": "resolved", "answered": "resolved", "lost": "escalated"}
"""At what moment a worker dies, and how that incident has to end."""


@pytest.mark.timeout(300)
async def test_a_killed_worker_is_replaced(tmp_path: Path, empty_postgres: str) -> None:
    """Kill -9 mid-heal, with the defaults: within 60 s the other one has finished, with one effect.

    One had only promised its call; of the next the answer was lost; the last call was lost on its
    way, which nobody can tell from one that is still to come: people are asked.
    """
    async with a_fleet(tmp_path, empty_postgres, *MOMENTS) as fleet:
        held = [fleet.calls("lost", after=False), fleet.calls("answered", after=True)]
        incidents = {name: await fleet.hangs(name) for name in ("lost", "answered")}
        for hold in held:
            await hold.reached.wait()
        held.append(await fleet.promised("promised", incidents))
        await fleet.start("two", "worker")
        await fleet.processes.kill("one")
        killed = time.monotonic()
        for hold in held:
            hold.let_go(lost=True)
        for name in ("promised", "answered"):
            await fleet.until(incidents[name], "outcome")
        took = time.monotonic() - killed
        await fleet.until(incidents["lost"], "outcome")
        done = {name: fleet.effects(name) for name in MOMENTS}
        await fleet.all_ended(**{incidents[name]: outcome for name, outcome in MOMENTS.items()})

    assert done == {"promised": ["restart"], "answered": ["restart"], "lost": []}
    assert took < 60


@pytest.mark.timeout(300)
async def test_a_frozen_worker_has_no_effect(tmp_path: Path, empty_postgres: str) -> None:
    """SIGSTOP before the fence check, SIGCONT while its successor acts: one effect, once."""
    quick = {"DOCKER_TIMEOUT_S": "5", "DOCKER_STOP_GRACE_S": "0", "NIGHTSHIFT_SETTLE_S": "2"}
    async with a_fleet(tmp_path, empty_postgres, "web", **quick) as fleet:
        first = fleet.looks("web")
        incident = await fleet.hangs("web")
        deciding = await fleet.about_to_act("web", incident, first)
        fleet.sends("one", signal.SIGSTOP)
        deciding.let_go()
        acting = fleet.calls("web", after=False)
        await fleet.start("two", "worker")
        await acting.reached.wait()
        fleet.sends("one", signal.SIGCONT)
        await fleet.says("one", "has taken incident")
        acting.let_go()
        await fleet.until(incident, "outcome")
        done = fleet.effects("web")
        await fleet.all_ended(**{incident: "resolved"})

    assert done == ["restart"]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("words", [("worker",), ("serve",)], ids=["worker", "serve"])
async def test_a_drained_worker_hands_over(
    tmp_path: Path, empty_postgres: str, words: tuple[str, ...]
) -> None:
    """SIGTERM in the middle of heal: out at the node's edge, and the other goes on at once."""
    async with a_fleet(tmp_path, empty_postgres, "web") as fleet:
        if words == ("serve",):
            await fleet.processes.end("one")
            fleet.port, front = free_port(), fleet.port
            await fleet.start("one", *words)
            fleet.port = front
        held = fleet.calls("web", after=False)
        incident = await fleet.hangs("web")
        await held.reached.wait()
        await fleet.start("two", "worker")
        began = time.monotonic()
        ending = asyncio.create_task(fleet.processes.end("one"))
        held.let_go()
        code = await ending
        left = time.monotonic()
        await fleet.until(incident, "outcome")
        ended = time.monotonic()
        done = fleet.effects("web")
        await fleet.all_ended(**{incident: "resolved"})

    assert (code, done) == (0, ["restart"])
    assert left - began < 30
    assert ended - left < 15
