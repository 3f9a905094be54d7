"""kill -9 while healing: no incident is lost and no effect is done twice.

The real server is a process; Docker is a stand-in in this one that holds the request at which the
server is to die. Run as a program this file is the control: a graph that keeps no journal.
"""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict

import httpx
from langgraph.graph import END, START, StateGraph
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.journal import Entry
from domain.remedy import Effect, Precondition
from lab.alerting import first_incidents
from lab.processes import Processes, environment, free_port
from lab.standins.docker import DockerStandin
from lab.standins.serving import hang_up, serving
from lab.world import Service, World
from memory.store import open_store
from nightshift.checkpoints import open_checkpoints
from nightshift.clock import SystemClock
from tools.docker import DockerHosts

SCOPE = {"nightshift.enable": "true"}
PATIENCE_S = 60.0
LOOKS = {"/containers/json$": 3, "/events$": 1}
"""What a server asks for at its start: three looks at everybody, then the event stream."""


@dataclass(kw_only=True)
class Hold:
    """Keeps the next such request, before or after it took effect, until it is let go or lost."""

    method: str
    path: re.Pattern[str]
    after: bool = False
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    lost: bool = False

    def let_go(self, *, lost: bool = False) -> None:
        """It goes on its way, or is dropped as if it had never been sent."""
        self.lost = lost
        self.gone.set()


class Gate:
    """An ASGI app before Docker's, at which requests can be held."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._holds: list[Hold] = []
        self._news = asyncio.Event()
        self.seen: list[str] = []
        self.under_way = 0

    def hold(self, method: str, path: str, *, after: bool = False) -> Hold:
        """Hold the next of these requests that nothing else holds."""
        hold = Hold(method=method, path=re.compile(path), after=after)
        self._holds.append(hold)
        return hold

    def count(self, path: str) -> int:
        """How many such requests have come in."""
        return sum(bool(re.search(path, one)) for one in self.seen)

    async def when(self, true: Callable[[], bool]) -> None:
        """Return when it is true; looked at whenever a request comes or ends."""
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                self._news.clear()
                await self._news.wait()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, or hold."""
        short = 0 if scope["path"].endswith("/events") else 1
        self.seen.append(f"{scope['method']} {scope['path']}")
        self.under_way += short
        self._news.set()
        try:
            await self._pass(self._met(scope), scope, receive, send)
        finally:
            self.under_way -= short
            self._news.set()

    def _met(self, scope: Scope) -> Hold | None:
        for hold in self._holds:
            if hold.method == scope["method"] and hold.path.search(scope["path"]):
                self._holds.remove(hold)
                return hold
        return None

    async def _pass(self, hold: Hold | None, scope: Scope, receive: Receive, send: Send) -> None:
        if hold is None:
            await self._app(scope, receive, send)
            return
        kept: list[Message] = []

        async def keep(message: Message) -> None:
            kept.append(message)

        if hold.after:
            await self._app(scope, receive, keep)
        hold.reached.set()
        await hold.gone.wait()
        if hold.lost or hold.after:
            await hang_up(send)
        else:
            await self._app(scope, receive, send)


@dataclass(kw_only=True)
class Ward:
    """Containers that hang, and the server that is killed while it heals them."""

    world: World
    gate: Gate
    docker: str
    folder: Path
    processes: Processes
    port: int
    program: tuple[str, ...] = ("-m", "nightshift")
    starts: int = 0
    kills: int = 0
    looks: dict[str, int] = field(default_factory=dict)
    incidents: list[str] = field(default_factory=list)

    @property
    def http(self) -> httpx.AsyncClient:
        """A client of the server, which may be another process by now."""
        base = f"http://127.0.0.1:{self.port}"
        return httpx.AsyncClient(base_url=base, timeout=PATIENCE_S, trust_env=False)

    async def start(self) -> None:
        """Start the server; it listens before it looks at Docker."""
        self.starts += 1
        self.looks = {path: self.gate.count(path) for path in LOOKS}
        settings = {
            "NIGHTSHIFT_DATA_DIR": str(self.folder),
            "NIGHTSHIFT_PORT": str(self.port),
            "NIGHTSHIFT_SETTLE_S": "0.5",
            "NIGHTSHIFT_STABLE_FOR_S": "0",
            "NIGHTSHIFT_VERIFY_FOR_S": "5",
            "NIGHTSHIFT_CHECK_EVERY_S": "0",
            "NIGHTSHIFT_WORKERS": "2",
            "NIGHTSHIFT_LOG_LEVEL": "WARNING",
            "DOCKER_HOSTS": f"ward={self.docker}",
            "DOCKER_SCOPE": "nightshift.enable=true",
            "DOCKER_TIMEOUT_S": str(PATIENCE_S),
        }
        command = [sys.executable, *self.program, "serve"]
        await self.processes.start("server", command, env=environment(**settings))

    async def up(self) -> None:
        """Start the server unless it lives; return when it has had its first looks."""
        if self.starts == self.kills:
            await self.start()
        await self.gate.when(self._has_looked)
        await self.gate.when(lambda: self.gate.under_way == 0)

    def _has_looked(self) -> bool:
        return all(self.gate.count(path) >= self.looks[path] + n for path, n in LOOKS.items())

    async def kill(self) -> None:
        """End it as `kill -9` does."""
        await self.processes.kill("server")
        self.kills += 1

    async def hangs(self, name: str) -> str:
        """The container hangs, the server has heard of it, its alert is accepted."""
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
        self.incidents += first_incidents(body)
        return self.incidents[-1]

    async def decided(self, incident: str, name: str) -> tuple[Hold, Hold]:
        """Hold heal's own look at the target, and the one after it, which may not have come yet.

        The looks before it are let go: while one of them is held, nothing can be diagnosed.
        """
        path = f"/{self.world.get(name).id}/json$"
        held = self.gate.hold("GET", path)
        while True:
            async with asyncio.timeout(PATIENCE_S):
                await held.reached.wait()
            following = self.gate.hold("GET", path)
            if await self.told(incident, "diagnosis"):
                return held, following
            held.let_go()
            held = following

    async def told(self, incident: str, kind: str) -> bool:
        """Whether its timeline has such an event."""
        async with self.http as http:
            answer = await http.get(f"/incidents/{incident}")
        return kind in [event["kind"] for event in answer.json()["timeline"]]

    async def until(self, incident: str, kind: str) -> None:
        """Follow the incident's stream to an event of that kind."""
        async with self.http as http, http.stream("GET", f"/incidents/{incident}/events") as lines:
            async for line in lines.aiter_lines():
                if line == f"event: {kind}":
                    return
        raise AssertionError(f"the stream of {incident} ended without {kind}")

    async def journal(self, incident: str) -> list[Entry]:
        """What a dead server promised and concluded."""
        async with open_store(self.folder, clock=SystemClock(), owner=False) as store:
            return await store.entries(incident, 1)

    def effects(self, name: str) -> list[str]:
        """What was done to it through Docker's API, in vain or not."""
        return [action.verb for action in self.world.actions if action.name == name]


def delivery(name: str) -> dict[str, Any]:
    """Alertmanager's post about a container that fails its health check."""
    labels = {"alertname": "ContainerUnhealthy", "name": name, "severity": "critical"}
    alert = {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": f"{name} is unhealthy"},
        "startsAt": datetime.now(UTC).isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": f"unhealthy-{name}",
    }
    group = {"groupLabels": {}, "commonLabels": labels, "commonAnnotations": {}}
    head = {"version": "4", "groupKey": "{}", "status": "firing", "receiver": "nightshift"}
    return {**head, **group, "externalURL": "", "truncatedAlerts": 0, "alerts": [alert]}


async def while_observing(ward: Ward, name: str) -> None:
    """Evidence is being gathered: nothing is decided."""
    held = ward.gate.hold("GET", f"/{ward.world.get(name).id}/logs$")
    incident = await ward.hangs(name)
    await held.reached.wait()
    await ward.kill()
    held.let_go(lost=True)

    assert await ward.journal(incident) == []


async def before_the_intent(ward: Ward, name: str) -> None:
    """Decided, and looking at the target once more before the promise is written."""
    incident = await ward.hangs(name)
    held, following = await ward.decided(incident, name)
    await ward.kill()
    held.let_go(lost=True)
    following.let_go()

    assert await ward.journal(incident) == []


async def after_the_intent(ward: Ward, name: str) -> None:
    """The promise is written, the call is not made."""
    incident = await ward.hangs(name)
    before, held = await ward.decided(incident, name)
    before.let_go()
    await held.reached.wait()
    await ward.kill()
    held.let_go(lost=True)

    await promised_only(ward, incident)
    assert ward.effects(name) == []


async def promised_only(ward: Ward, incident: str, *, called: bool = False) -> None:
    """The journal has the intent, perhaps the call, and no word of what came of it."""
    (entry,) = await ward.journal(incident)

    assert (entry.intent.effect.verb, entry.called_at is not None, entry.result) == (
        "restart",
        called,
        None,
    )


async def calling(ward: Ward, name: str, *, after: bool) -> Hold:
    """Kill the server while its call is held, before or after it took effect."""
    held = ward.gate.hold("POST", f"/{ward.world.get(name).id}/restart$", after=after)
    incident = await ward.hangs(name)
    await held.reached.wait()
    await ward.kill()
    await promised_only(ward, incident, called=True)
    return held


async def the_call_is_lost(ward: Ward, name: str) -> None:
    """Sent, and never seen by Docker: nobody can tell it from one that is still to come."""
    held = await calling(ward, name, after=False)
    held.let_go(lost=True)

    assert ward.effects(name) == []


async def the_call_is_late(ward: Ward, name: str) -> None:
    """A slow Docker does what a dead server asked for, once the next one is there."""
    held = await calling(ward, name, after=False)
    before = len(ward.gate.seen)
    await ward.start()
    await ward.gate.when(lambda: len(ward.gate.seen) > before)

    assert ward.effects(name) == []
    held.let_go()


async def the_answer_is_lost(ward: Ward, name: str) -> None:
    """Done, and nobody wrote it down."""
    held = await calling(ward, name, after=True)
    held.let_go()

    assert ward.effects(name) == ["restart"]


async def after_the_outcome(ward: Ward, name: str) -> None:
    """Written down, not verified."""
    incident = await ward.hangs(name)
    await ward.until(incident, "effect")
    await ward.kill()
    (entry,) = await ward.journal(incident)

    assert entry.result
    assert (entry.result.result, ward.effects(name)) == ("done", ["restart"])


async def twice(ward: Ward, name: str) -> None:
    """Killed before the answer, and the next one killed while it looks what came of it."""
    await the_answer_is_lost(ward, name)
    held = ward.gate.hold("GET", f"/{ward.world.get(name).id}/json$")
    await ward.start()
    await held.reached.wait()
    await ward.kill()
    held.let_go(lost=True)


MOMENTS = (
    while_observing,
    before_the_intent,
    after_the_intent,
    the_call_is_lost,
    the_call_is_late,
    the_answer_is_lost,
    after_the_outcome,
    twice,
)


@asynccontextmanager
async def a_ward(folder: Path) -> AsyncIterator[Ward]:
    """One container for every moment, all well."""
    world = World()
    for moment in MOMENTS:
        world.add(Service(name=moment.__name__, labels=SCOPE))
    gate = Gate(DockerStandin(world))
    async with serving(gate) as url, Processes(folder) as processes:
        yield Ward(
            world=world,
            gate=gate,
            docker=url.replace("http://", "tcp://"),
            folder=folder,
            processes=processes,
            port=free_port(),
        )
    await world.aclose()


async def test_kill_9_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    """Nine kills around the effect: every incident ends, healed but where nobody can tell."""
    async with a_ward(tmp_path) as ward:
        for moment in MOMENTS:
            await ward.up()
            await moment(ward, moment.__name__)
            await ward.up()
            await ward.until(ward.incidents[-1], "outcome")
        await ward.until(ward.incidents[-1], "end")
        done = {moment.__name__: ward.effects(moment.__name__) for moment in MOMENTS}

    assert ward.kills == len(MOMENTS) + 1
    lost = the_call_is_lost.__name__
    assert done == {**{moment.__name__: ["restart"] for moment in MOMENTS}, lost: []}
    await all_told(ward)


async def all_told(ward: Ward) -> None:
    """Every incident is done, none is left over, and the audit trail is whole."""
    async with open_store(ward.folder, clock=SystemClock(), owner=False) as store:
        rows = {row.id: row for row in await store.incidents(limit=99)}
        audit, stats = await store.audit(), await store.stats()

    assert sorted(rows) == sorted(ward.incidents)
    ends = {moment: rows[one].outcome for moment, one in zip(MOMENTS, ward.incidents, strict=True)}
    assert ends == {**dict.fromkeys(MOMENTS, "resolved"), the_call_is_lost: "escalated"}
    assert (audit.broken, stats.queue_depth) == (None, 0)


async def test_the_control_repeats_its_effect(tmp_path: Path) -> None:
    """Without a journal the same kill doubles the restart: the harness would notice."""
    async with a_ward(tmp_path) as ward:
        name = the_answer_is_lost.__name__
        container = ward.world.get(name).id
        held = ward.gate.hold("POST", f"/{container}/restart$", after=True)
        command = [sys.executable, "-m", "tests.test_crash", ward.docker, str(tmp_path), name]
        await ward.processes.start("server", command, env=environment())
        await held.reached.wait()
        await ward.kill()
        held.let_go()
        await ward.processes.start("server", command, env=environment())
        await ward.gate.when(lambda: len(ward.effects(name)) == 2)

    assert ward.effects(name) == ["restart", "restart"]


class Naive(TypedDict, total=False):
    """The control's state."""

    name: str
    healed: bool


async def naive(docker: str, folder: Path, name: str) -> None:
    """Restart a container in a node of a checkpointed graph; after a crash take it up again."""
    hosts = DockerHosts({"ward": docker})

    async def heal(state: Naive) -> Naive:
        (facts,) = [
            one for one in (await hosts.inventory()).containers if one.target.name == state["name"]
        ]
        effect = Effect(verb="restart", target=facts.target, precondition=Precondition.of(facts))
        await hosts.perform(effect)
        return {"healed": True}

    graph = StateGraph(Naive)
    graph.add_node("heal", heal)
    graph.add_edge(START, "heal")
    graph.add_edge("heal", END)
    async with hosts, open_checkpoints(folder / "naive.db") as saver:
        compiled = graph.compile(checkpointer=saver)
        config: Any = {"configurable": {"thread_id": name}}
        begun = (await compiled.aget_state(config)).next
        await compiled.ainvoke(None if begun else {"name": name}, config, durability="sync")


if __name__ == "__main__":
    asyncio.run(naive(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
