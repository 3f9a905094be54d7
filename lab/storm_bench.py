"""Measuring a storm on the real server: what is lost, told, and how the process bears it.

The server is a process of its own, with its embedded store; Docker, Prometheus, Alertmanager and
Telegram are stand-ins in this one. Not here: the storm itself (storm.py).
"""

import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lab.processes import NotReady, Processes, environment, free_port
from lab.standins.docker import DockerStandin, running
from lab.standins.prometheus import Prometheus
from lab.standins.series import world_series
from lab.standins.serving import serving
from lab.standins.telegram import Telegram
from lab.storm import BROKEN, SCOPE, SEEN, SILENT, Storm, fleet, storm
from lab.world import World

Say = Callable[[str], None]
HEALTH_EVERY_S, READY_S, POST_S = 0.05, 60.0, 30.0
RSS_LIMIT_MB, HEALTH_LIMIT_MS, MESSAGES_LIMIT = 300.0, 250.0, 40
LAST_EDITS = 120
"""Half-seconds that the last edits are waited for at most."""
DIGEST = "at once"
ENDS = ("done", "waiting")


class Spread(BaseModel):
    """Milliseconds."""

    p50: float
    p99: float


class StormReport(BaseModel):
    """What came of it. `lost` counts accepted alerts without an incident that ended or waits.

    `investigations` are alerts that were diagnosed (one that comes again after its end is looked
    into again, as promised, and counts once); `roots` is how many there were to be.
    `broken` names the bounds that were not kept.
    """

    alerts: int
    seconds: float
    accepted: int
    refused_503: int
    failed: int
    lost: int
    incidents: int
    folded: int
    investigations: int
    roots: int
    actions: int
    messages: int
    digests: int
    rss_mb_max: float
    health_ms: Spread
    cpu_s: float
    drained_s: float
    broken: list[str]


@dataclass(kw_only=True)
class Watched:
    """What is seen of the server from outside while the storm goes on."""

    health_ms: list[float] = field(default_factory=list)
    rss_mb: float = 0.0
    answers: list[int] = field(default_factory=list)


async def measure(
    alerts: int, seconds: float, seed: int, say: Say = lambda _: None, *, patience_s: float = 1800
) -> StormReport:
    """Post so many alerts evenly over that time and wait until all of them came to something.

    The alerts come after the server has heard what died, as they do behind a rule's `for`. Raises
    NotReady where the server does not come up.
    """
    weather = storm(alerts, seed=seed)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        world = World()
        stack.push_async_callback(world.aclose)
        fleet(world)
        telegram = await stack.enter_async_context(Telegram())
        settings = await _surroundings(stack, world, telegram, weather, folder)
        processes = await stack.enter_async_context(Processes(folder))
        port = free_port()
        command = [
            sys.executable,
            "-m",
            "nightshift",
            "serve",
            "--port",
            str(port),
        ]
        say("starting the server")
        pid = await processes.start("server", command, env=environment(**settings))
        url = f"http://127.0.0.1:{port}"
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=POST_S))
        await _ready(http, processes)
        for name, fault in BROKEN:
            await world.break_(name, fault)
        seen = Watched()
        database = folder / "data" / "nightshift.db"
        await _heard(database, world)
        async with _watching(url, pid, seen):
            spent = await _weathered(http, weather, seconds, seen, database, say, patience_s)
            await _told(http, database)
        return _report(
            weather,
            seen,
            _counted(database),
            messages=telegram.sent,
            digests=sum(DIGEST in one.text for one in telegram.chat),
            actions=len(world.actions),
            cpu_s=_cpu_s(pid),
            **spent,
        )


async def _weathered(
    http: httpx.AsyncClient,
    weather: Storm,
    seconds: float,
    seen: Watched,
    database: Path,
    say: Say,
    patience_s: float,
) -> dict[str, float]:
    """Post it all and wait until it is worked off; how long both took, in seconds."""
    began = time.monotonic()
    await _post(http, weather, seconds, seen, say)
    posted = time.monotonic()
    await _drained(database, say, patience_s)
    drained = time.monotonic()
    return {"seconds": round(posted - began, 1), "drained_s": round(drained - posted, 1)}


@asynccontextmanager
async def _watching(url: str, pid: int, seen: Watched) -> AsyncIterator[None]:
    task = asyncio.create_task(_watch(url, pid, seen))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _surroundings(
    stack: AsyncExitStack, world: World, telegram: Telegram, weather: Storm, folder: Path
) -> dict[str, str]:
    """The stand-ins, and the settings by which the server finds them."""
    docker = await stack.enter_async_context(running(DockerStandin(world)))
    prometheus = await stack.enter_async_context(Prometheus(interval_s=2.0))
    prometheus.watch(world_series(world))
    alertmanager = await stack.enter_async_context(serving(_alertmanager(weather)))
    return {
        "NIGHTSHIFT_DATA_DIR": str(folder / "data"),
        "NIGHTSHIFT_LOG_LEVEL": "WARNING",
        "NIGHTSHIFT_CHECK_EVERY_S": "0",
        "NIGHTSHIFT_VERIFY_FOR_S": "5",
        "NIGHTSHIFT_STABLE_FOR_S": "0.5",
        "NIGHTSHIFT_SETTLE_S": "2",
        "DOCKER_HOSTS": f"{SEEN}={docker},{SILENT}=tcp://127.0.0.1:{free_port()}",
        "DOCKER_SCOPE": ",".join(f"{key}={value}" for key, value in SCOPE.items()),
        "PROMETHEUS_URL": prometheus.url,
        "ALERTMANAGER_URL": alertmanager,
        "TELEGRAM_BOT_TOKEN": telegram.token,
        "TELEGRAM_CHAT_ID": telegram.chat_id,
        "TELEGRAM_BASE_URL": telegram.base_url,
    }


def _alertmanager(weather: Storm) -> Starlette:
    """As much of Alertmanager as completes a truncated group."""

    async def alerts(request: Request) -> Response:
        group = request.query_params["filter"].partition('"')[2].rstrip('"')
        active = {"status": {"state": "active"}}
        return JSONResponse([{**one, **active} for one in weather.whole[group]])

    return Starlette(routes=[Route("/api/v2/alerts", alerts)])


async def _ready(http: httpx.AsyncClient, processes: Processes) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and processes.ended("server") is None:
        with suppress(httpx.TransportError):
            if (await http.get("/ready")).is_success:
                return
        await asyncio.sleep(0.1)
    raise NotReady(f"the server did not come up:\n{processes.last_words('server')}")


async def _heard(database: Path, world: World) -> None:
    """Return when the server has kept each death: of one that it missed it asks a person."""
    died = sum(one.status == "exited" for one in world.containers.values())
    deadline = time.monotonic() + READY_S
    while await asyncio.to_thread(_deaths, database) < died:
        if time.monotonic() > deadline:
            raise NotReady(f"the server did not hear of {died} deaths in {READY_S:g} s")
        await asyncio.sleep(0.1)


def _deaths(database: Path) -> int:
    heard = "SELECT count(DISTINCT target_key) FROM container_events WHERE action = 'die'"
    return int(_ask(database, heard)[0][0])


async def _post(
    http: httpx.AsyncClient, weather: Storm, seconds: float, seen: Watched, say: Say
) -> None:
    """Each delivery at its time, whether the one before was answered or not; 503 comes again."""
    began, between = time.monotonic(), seconds / len(weather.deliveries)

    async def one(place: int, body: bytes) -> None:
        await asyncio.sleep(max(0.0, began + place * between - time.monotonic()))
        say(f"posting: {place + 1} of {len(weather.deliveries)} deliveries")
        while True:
            try:
                status = (await http.post("/alert", content=body)).status_code
            except httpx.TransportError:
                status = 0
            seen.answers.append(status)
            if status not in {0, 503}:
                return
            await asyncio.sleep(1.0)

    await asyncio.gather(*(one(place, body) for place, body in enumerate(weather.deliveries)))


async def _watch(url: str, pid: int, seen: Watched) -> None:
    """Ask /health and look at the resident memory, again and again."""
    async with httpx.AsyncClient(base_url=url, timeout=POST_S) as http:
        while True:
            began = time.perf_counter()
            with suppress(httpx.TransportError):
                await http.get("/health")
            seen.health_ms.append((time.perf_counter() - began) * 1000)
            seen.rss_mb = max(seen.rss_mb, _status_mb(pid))
            await asyncio.sleep(HEALTH_EVERY_S)


def _status_mb(pid: int) -> float:
    """VmHWM of /proc: the most it ever had."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return round((int(fields[11]) + int(fields[12])) / 100, 1)


async def _drained(database: Path, say: Say, patience_s: float) -> None:
    """Return when nothing is unsorted or due any more; whoever waits, waits."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        left = await asyncio.to_thread(_left, database)
        say(f"draining: {left} left")
        if not left:
            return
        await asyncio.sleep(0.5)


def _left(database: Path) -> int:
    due = "SELECT count(*) FROM jobs WHERE taken_at IS NOT NULL OR due_at <= ?"
    unsorted = "SELECT count(*) FROM deliveries"
    soon = int((time.time() + 30) * 1e6)
    return int(_ask(database, f"SELECT ({due}) + ({unsorted})", soon)[0][0])  # constants


async def _told(http: httpx.AsyncClient, database: Path) -> None:
    """Let the last messages and edits go out; one that never does is not waited for."""
    for _ in range(LAST_EDITS):
        behind = (await http.get("/stats")).json()["outbox_behind"]
        if not behind + await asyncio.to_thread(_digests_behind, database):
            return
        await asyncio.sleep(0.5)


def _digests_behind(database: Path) -> int:
    behind = "SELECT count(*) FROM digests WHERE version > delivered"
    return int(_ask(database, behind)[0][0])


def _ask(database: Path, query: str, *values: object) -> list[Any]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)
    try:
        return connection.execute(query, values).fetchall()
    finally:
        connection.close()


def _counted(database: Path) -> dict[str, int]:
    """What the ledger says, read from its file."""
    marks = ", ".join(f"'{one}'" for one in ENDS)
    queries = {
        "incidents": "SELECT count(*) FROM incidents",
        "ended": f"SELECT count(*) FROM incidents WHERE status IN ({marks})",  # noqa: S608  # constants
        "folded": "SELECT count(*) FROM incidents WHERE outcome = 'folded' OR parent IS NOT NULL",
        "episodes": "SELECT count(DISTINCT episode) FROM inbox WHERE incident <> ''",
        "investigations": "SELECT count(DISTINCT i.episode) FROM events e "
        "JOIN incidents i ON i.id = e.incident WHERE e.kind = 'diagnosis'",
    }
    return {name: int(_ask(database, query)[0][0]) for name, query in queries.items()}


def _report(weather: Storm, seen: Watched, counted: dict[str, int], **more: Any) -> StormReport:
    times = sorted(seen.health_ms)
    spread = Spread(p50=_at(times, 0.5), p99=_at(times, 0.99))
    unended = counted["incidents"] - counted["ended"]
    report = StormReport(
        alerts=weather.alerts,
        accepted=seen.answers.count(202),
        refused_503=seen.answers.count(503),
        failed=len([one for one in seen.answers if one not in {202, 503}]),
        lost=max(0, weather.episodes - counted["episodes"]) + unended,
        incidents=counted["incidents"],
        folded=counted["folded"],
        investigations=counted["investigations"],
        roots=weather.roots,
        rss_mb_max=round(seen.rss_mb, 1),
        health_ms=spread,
        broken=[],
        **more,
    )
    return report.model_copy(update={"broken": broken(report)})


def broken(report: StormReport) -> list[str]:
    """The bounds that this storm did not keep."""
    bounds = {
        "an accepted alert was lost": report.lost > 0,
        "a delivery was neither accepted nor answered 503": report.failed > 0,
        "more investigations than roots": report.investigations > report.roots,
        f"more than {MESSAGES_LIMIT} messages": report.messages > MESSAGES_LIMIT,
        f"more than {RSS_LIMIT_MB:g} MB": report.rss_mb_max > RSS_LIMIT_MB,
        f"/health p99 above {HEALTH_LIMIT_MS:g} ms": report.health_ms.p99 > HEALTH_LIMIT_MS,
    }
    return [name for name, hurt in bounds.items() if hurt]


def _at(times: list[float], share: float) -> float:
    return round(times[min(len(times) - 1, int(share * len(times)))], 1) if times else 0.0
