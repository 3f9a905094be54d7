"""Measuring a storm on the real server: what is lost, told, and how the process bears it.

The server is a process of its own, with its embedded store; Docker, Prometheus, Alertmanager and
Telegram are stand-ins in this one. Not here: the storm itself (storm.py), what its ledger says
afterwards (storm_ledger.py), or the verdict (storm_report.py).
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import httpx
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
from lab.storm_ledger import counted, deaths, digests_behind, left
from lab.storm_report import StormReport, Watched, report
from lab.world import World

Say = Callable[[str], None]
HEALTH_EVERY_S, READY_S, POST_S = 0.05, 60.0, 30.0
LAST_EDITS = 120
"""Half-seconds that the last edits are waited for at most."""
DIGEST = "at once"


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
        return report(
            weather,
            seen,
            counted(database),
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
    while await asyncio.to_thread(deaths, database) < died:
        if time.monotonic() > deadline:
            raise NotReady(f"the server did not hear of {died} deaths in {READY_S:g} s")
        await asyncio.sleep(0.1)


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
        rest = await asyncio.to_thread(left, database)
        say(f"draining: {rest} left")
        if not rest:
            return
        await asyncio.sleep(0.5)


async def _told(http: httpx.AsyncClient, database: Path) -> None:
    """Let the last messages and edits go out; one that never does is not waited for."""
    for _ in range(LAST_EDITS):
        behind = (await http.get("/stats")).json()["outbox_behind"]
        if not behind + await asyncio.to_thread(digests_behind, database):
            return
        await asyncio.sleep(0.5)
