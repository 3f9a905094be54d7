"""What accepting an alert costs, beside servers that do nothing else, in turns.

Twenty incidents run in Nightshift all the while, in front of the same disk. Every request is a new
alert with a name that no container has. Machines are noisy, so each turn is set against the one
before it, and the median of these counts. What Nightshift still has to do after a turn falls on
the server that is in no share. Not here: the load (load.py), the bare servers (accept_bare.py).
"""

import asyncio
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from statistics import median

import httpx
from pydantic import BaseModel, computed_field

from lab.alerting import payload
from lab.load import Answers, Apart, post_all
from lab.processes import NotReady, Processes, environment, free_port
from lab.scenario import PostedAlert
from lab.standins.docker import DockerStandin, running
from lab.world import Pace, Service, World

CONNECTIONS = (1, 16, 64)
IN_TURN = ("plain", "durable", "nightshift")
RUNNING, WELL = 20, 25
"""Fewer than half are unwell: a common cause would be nobody's to heal."""
TOKEN = "bench"  # noqa: S105  # opens nothing but this bench's own server
SCOPE = {"bench": "on"}
STARTING_S = 3600.0
"""A started service takes so long to become healthy: its incident goes on looking."""
AIM = 0.8
READY_S = 60.0
_TICK = os.sysconf("SC_CLK_TCK")


class Side(BaseModel):
    """One server at one number of connections; CPU in milliseconds a request."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float


class Row(BaseModel):
    """The three beside each other; `share` is the median of `shares`.

    These are Nightshift's requests/s over those of the durable server's turn before it.
    """

    connections: int
    plain: Side
    durable: Side
    nightshift: Side
    shares: list[float]
    share: float


class AcceptReport(BaseModel):
    """What `nightshift bench accept --json` prints; `share` is the lowest of the rows'.

    `running` of the twenty incidents were not through yet at the end. `broken` names the bounds
    that were not kept.
    """

    requests: int
    running: int
    refused: int
    share: float
    rows: list[Row]

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own way
    @property
    def broken(self) -> list[str]:
        """What is below the aim, and what makes the figures say less than they seem to."""
        bounds = {
            f"less than {AIM:.0%} of the durable server's rate": self.share < AIM,
            "an alert was refused": self.refused > 0,
            f"only {self.running} of {RUNNING} incidents ran to the end": self.running < RUNNING,
        }
        return [name for name, hurt in bounds.items() if hurt]


Tell = Callable[[str], None]
Sides = dict[str, "Server"]


class Server:
    """One server process and the turns it has taken, by number of connections."""

    token = TOKEN

    def __init__(self, name: str, url: str, pid: int) -> None:
        self.name, self.url, self.pid = name, url, pid
        self.turns: dict[int, list[Answers]] = {}
        self.cpu_s: dict[int, float] = {}

    async def turn(self, load: Apart, connections: int, bodies: list[bytes]) -> None:
        """Take one load."""
        before = cpu_seconds(self.pid)
        found = await load.post_all(self.url, bodies, connections=connections, token=TOKEN)
        self.turns.setdefault(connections, []).append(found)
        spent = cpu_seconds(self.pid) - before
        self.cpu_s[connections] = self.cpu_s.get(connections, 0.0) + spent

    def side(self, connections: int) -> Side:
        """All its turns together."""
        turns = self.turns[connections]
        found = Answers(
            seconds=[second for turn in turns for second in turn.seconds],
            took_s=sum(turn.took_s for turn in turns),
        )
        return Side(
            requests_per_s=round(found.per_second, 1),
            p50_ms=round(found.p50_ms, 2),
            p99_ms=round(found.p99_ms, 2),
            cpu_ms=round(self.cpu_s[connections] / max(1, len(found.seconds)) * 1000, 3),
        )

    def rates(self, connections: int) -> list[float]:
        """Requests/s of each turn."""
        return [turn.per_second for turn in self.turns[connections]]

    @property
    def refused(self) -> int:
        """In all turns."""
        return sum(turn.refused for turns in self.turns.values() for turn in turns)


async def measure(requests: int, rounds: int, tell: Tell) -> AcceptReport:
    """`requests` a turn, `rounds` turns of each server for each number of connections.

    Raises NotReady when a server does not come up or hangs up.
    """
    numbers = itertools.count(1)
    async with served() as (sides, incidents):
        with Apart() as load:
            for connections, turn in itertools.product(CONNECTIONS, range(rounds)):
                tell(f"{connections} connections, turn {turn + 1} of {rounds}")
                for name in IN_TURN:
                    bodies = [new_alert(next(numbers)) for _ in range(requests)]
                    await sides[name].turn(load, connections, bodies)
        running = len(await _unfinished(sides["nightshift"], incidents))
        return report(sides, requests * rounds, running)


def report(sides: Sides, requests: int, running: int) -> AcceptReport:
    """The rows, and the worst of them."""
    rows = [_row(sides, connections) for connections in CONNECTIONS]
    return AcceptReport(
        requests=requests,
        running=running,
        refused=sum(side.refused for side in sides.values()),
        share=min(row.share for row in rows),
        rows=rows,
    )


def _row(sides: Sides, connections: int) -> Row:
    plain, durable, ours = (sides[name].side(connections) for name in IN_TURN)
    beside = zip(
        sides["nightshift"].rates(connections), sides["durable"].rates(connections), strict=True
    )
    shares = [round(rate / bare, 3) for rate, bare in beside]
    return Row(
        connections=connections,
        plain=plain,
        durable=durable,
        nightshift=ours,
        shares=shares,
        share=round(median(shares), 3),
    )


def new_alert(number: int, name: str = "") -> bytes:
    """The body of a delivery of one new alert, about 1 kB."""
    labels = {"alertname": "ContainerDown", "name": name or f"ghost-{number}", "n": str(number)}
    said = {"summary": "A container is down", "description": "It has not answered for a minute."}
    alert = PostedAlert(labels={**labels, "severity": "critical"}, annotations=said, expr="up == 0")
    return json.dumps(payload(alert)).encode()


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Sides, list[str]]]:
    """All three servers, and twenty incidents that run."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nightshift-bench-")))
        world = World(pace=Pace(health_s=STARTING_S))
        stack.push_async_callback(world.aclose)
        docker = await stack.enter_async_context(running(DockerStandin(world)))
        processes = await stack.enter_async_context(Processes(folder))
        sides = {name: await start(processes, name, docker, BUSY) for name in IN_TURN}
        await _run_incidents(world, sides["nightshift"])
        yield sides, await _unfinished(sides["nightshift"])


BUSY = {
    "NIGHTSHIFT_WORKERS": str(RUNNING),
    "NIGHTSHIFT_CHECK_EVERY_S": "0",
    "NIGHTSHIFT_VERIFY_FOR_S": "600",
    "NIGHTSHIFT_MAX_ACTIONS_PER_HOUR": "1000",
    "NIGHTSHIFT_MAX_ACTIONS_AT_ONCE": str(RUNNING),
}
"""Settings with which twenty incidents may run for as long as it takes."""


async def start(
    processes: Processes, name: str, docker: str, settings: Mapping[str, str]
) -> Server:
    """Start `nightshift`, or the bare server of that name, and wait for it. Raises NotReady."""
    port, data = free_port(), processes.directory / name
    data.mkdir(exist_ok=True)
    bare = ["lab.accept_bare", name]
    module = ["nightshift", "serve"] if name == "nightshift" else bare
    own = ["--port", str(port), "--data-dir", str(data)]
    given = {
        "NIGHTSHIFT_TOKEN": TOKEN,
        "NIGHTSHIFT_LOG_LEVEL": "ERROR",
        "DOCKER_HOSTS": f"bench={docker.replace('http', 'tcp', 1)}",
        "DOCKER_SCOPE": "bench=on",
        **settings,
    }
    command = [sys.executable, "-m", *module, *own]
    pid = await processes.start(name, command, env=environment(**given))
    server = Server(name, f"http://127.0.0.1:{port}", pid)
    await until(partial(_answers, server.url), f"{name} did not start")
    return server


async def _run_incidents(world: World, server: Server) -> None:
    """Crash twenty services; each is started again and takes its time to become healthy."""
    for number in range(WELL):
        world.add(Service(name=f"well-{number}", labels=SCOPE, health=False, port=None))
    names = [f"slow-{number}" for number in range(RUNNING)]
    for name in names:
        world.add(Service(name=name, labels=SCOPE, health=True, port=None))
        await world.break_(name, "crash")
    bodies = iter([new_alert(number, name) for number, name in enumerate(names)])
    await post_all(server.url, bodies, connections=1, token=TOKEN)

    async def started() -> bool:
        return sum(action.verb == "start" for action in world.actions) >= RUNNING

    await until(started, f"{RUNNING} incidents did not come to run")


async def _unfinished(server: Server, among: Sequence[str] = ()) -> list[str]:
    """The incidents that are not through, of all or of these."""
    async with httpx.AsyncClient(trust_env=False, timeout=READY_S, headers=_bearer()) as http:
        rows = [(await http.get(f"{server.url}/incidents/{one}")).json() for one in among]
        if not among:
            rows = (await http.get(f"{server.url}/incidents?limit=1000")).json()["incidents"]
    return [row["id"] for row in rows if row["status"] != "done"]


async def _answers(url: str) -> bool:
    async with httpx.AsyncClient(trust_env=False, timeout=2) as http:
        try:
            return (await http.get(f"{url}/ready", headers=_bearer())).is_success
        except httpx.TransportError:
            return False


def _bearer() -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKEN}"}


async def until(
    true: Callable[[], Awaitable[bool]], complaint: str, *, seconds: float = READY_S
) -> None:
    """Wait until it is true. Raises NotReady."""
    end = time.monotonic() + seconds
    while not await true():
        if time.monotonic() > end:
            raise NotReady(f"{complaint} in {seconds:g} s")
        await asyncio.sleep(0.1)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK
