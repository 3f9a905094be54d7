"""How soon a restarted service is back at its unfinished incidents. Not here: the command line.

Many incidents were accepted and not ended when the process died, a tenth of them in the middle
of a run, on a simulated Docker host where half of the containers are down. Each start is a real
`nightshift serve` on a copy of that directory; timed from the start of the process until the
first incident, and until every one, has something new on its timeline.
"""

import asyncio
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles

from pydantic import computed_field

from domain.alert import Alert
from domain.plain import Record
from graph.build import build
from lab.processes import NotReady, Processes, environment, free_port
from lab.standins.docker import DockerStandin, running
from lab.world import Service, World
from memory.store import Store, open_store
from nightshift.checkpoints import CHECKPOINTS, open_checkpoints
from nightshift.clock import SystemClock
from nightshift.runs import config_of, first_state
from nightshift.settings import Settings
from nightshift.wiring import open_service

SCOPE = {"nightshift.enable": "true"}
CONTAINERS = 12
BEGUN = 10
"""One in so many incidents was observed already: it has checkpoints, perhaps a claim."""
TAKEN = 8
"""Jobs that the dead process had in hand."""
FIRST_S, ALL_S = 10.0, 60.0
"""Bounds at the 95th percentile."""
PATIENCE_S = 300.0
LOOK_S = 0.05
PAGE = 5000


class Seconds(Record):
    """Of all starts."""

    median: float
    p95: float


class ResumeReport(Record):
    """What `nightshift bench resume --json` prints; seconds since the process was started.

    `broken` names the bounds that were not kept.
    """

    starts: int
    incidents: int
    first_resumed_s: Seconds
    all_progressed_s: Seconds

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own way
    @property
    def broken(self) -> list[str]:
        """What took longer than it may."""
        bounds = {
            f"the first goes on after more than {FIRST_S:g} s": self.first_resumed_s.p95 > FIRST_S,
            f"the last goes on after more than {ALL_S:g} s": self.all_progressed_s.p95 > ALL_S,
        }
        return [name for name, hurt in bounds.items() if hurt]


class Start(Record):
    """One start: seconds to the first incident and to the last."""

    first: float
    last: float


async def measure(
    starts: int, incidents: int, tell: Callable[[str], None] = lambda _: None
) -> ResumeReport:
    """Start so often on so many unfinished incidents. Raises NotReady."""
    with tempfile.TemporaryDirectory(prefix="nightshift-resume-") as place:
        async with host() as (world, docker):
            left = Path(place) / "left"
            tell(f"leaving {incidents} incidents unfinished")
            ids = await leave(left, docker, incidents)
            took = []
            for turn in range(starts):
                tell(f"start {turn + 1} of {starts}")
                await breaks(world)
                folder = Path(place) / f"start-{turn}"
                await asyncio.to_thread(shutil.copytree, left, folder)
                took.append(await begin(folder, docker, set(ids)))
                await asyncio.to_thread(shutil.rmtree, folder)
    return report(took, incidents)


def report(took: Sequence[Start], incidents: int) -> ResumeReport:
    """The summary of these starts."""
    return ResumeReport(
        starts=len(took),
        incidents=incidents,
        first_resumed_s=_spread([one.first for one in took]),
        all_progressed_s=_spread([one.last for one in took]),
    )


def _spread(seconds: Sequence[float]) -> Seconds:
    high = quantiles(seconds, n=20, method="inclusive")[-1] if len(seconds) > 1 else seconds[0]
    return Seconds(median=round(median(seconds), 2), p95=round(high, 2))


@asynccontextmanager
async def host() -> AsyncIterator[tuple[World, str]]:
    """A Docker host with services, and its address."""
    world = World()
    for number in range(CONTAINERS):
        world.add(Service(name=f"app-{number}", labels=SCOPE))
    async with running(DockerStandin(world)) as docker:
        yield world, docker
    await world.aclose()


async def breaks(world: World) -> None:
    """Every second service crashes, if it was up."""
    for number in range(0, CONTAINERS, 2):
        if world.get(f"app-{number}").status == "running":
            await world.break_(f"app-{number}", "crash")


async def leave(folder: Path, docker: str, incidents: int) -> list[str]:
    """A data directory as a killed service leaves it; the ids of its unfinished incidents."""
    settings = Settings.model_validate(_settings(folder, docker))
    async with (
        open_service(settings, work=False) as service,
        open_checkpoints(folder / CHECKPOINTS) as saver,
    ):
        ids = await service.store.accept([_alert(number) for number in range(incidents)])
        graph = build().compile(checkpointer=saver)
        for incident in ids[::BEGUN]:
            state = first_state(await service.store.incident(incident))
            await graph.ainvoke(
                state,
                config_of(incident),
                context=service.deps,
                durability="sync",
                interrupt_after="*",
            )
        for _ in range(TAKEN):
            await service.store.take()
    return ids


def _alert(number: int) -> Alert:
    name = f"app-{number % CONTAINERS}"
    labels = {"alertname": f"Down{number}", "name": name, "severity": "critical"}
    return Alert(
        fingerprint=f"resume-{number}",
        status="firing",
        labels=labels,
        annotations={"summary": f"{name} is down"},
        starts_at=datetime.now(UTC),
    )


def _settings(folder: Path, docker: str) -> dict[str, str]:
    return {
        "nightshift_data_dir": str(folder),
        "nightshift_check_every_s": "0",
        "nightshift_log_level": "ERROR",
        "docker_hosts": f"bench={docker}",
        "docker_scope": "nightshift.enable=true",
    }


async def begin(folder: Path, docker: str, ids: set[str]) -> Start:
    """Start the service there, see who progresses, and kill it. Raises NotReady."""
    port = str(free_port())
    given = {key.upper(): value for key, value in _settings(folder, docker).items()}
    command = [sys.executable, "-m", "nightshift", "serve", "--port", port]
    async with (
        open_store(folder, clock=SystemClock(), owner=False) as store,
        Processes(folder) as processes,
    ):
        seen = await last_event(store)
        began = time.monotonic()
        await processes.start("nightshift", command, env=environment(**given))
        first, waiting = 0.0, set(ids)
        while waiting:
            await asyncio.sleep(LOOK_S)
            news = await store.changes(after=seen, limit=PAGE)
            seen = news[-1][1].seq if news else seen
            waiting -= {incident for incident, _ in news}
            passed = time.monotonic() - began
            first = first or (passed if news else 0.0)
            if passed > PATIENCE_S or processes.ended("nightshift") is not None:
                said = processes.last_words("nightshift")
                raise NotReady(f"{len(waiting)} incidents did not go on in {passed:.0f} s\n{said}")
        await processes.kill("nightshift", with_signal=signal.SIGKILL)
        return Start(first=first, last=passed)


async def last_event(store: Store) -> int:
    """The number of the newest event."""
    seen = 0
    while news := await store.changes(after=seen, limit=PAGE):
        seen = news[-1][1].seq
    return seen
