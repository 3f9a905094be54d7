"""Nightshift's own CPU for an incident, with an empty ledger and with a full one, in turns.

Each incident is whole: a crash, the alert, evidence, the start, its proof, the message, what was
learned. Two servers take turns, for a machine's speed changes by more than a ledger's size could.
The daemon, Prometheus and the chat are stand-ins in this process and are not counted; there is no
model. Not here: printing.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median

import httpx
from pydantic import BaseModel, computed_field

from domain.alert import Alert
from domain.incident import Episode
from lab.accept_bench import READY_S, Server, cpu_seconds, new_alert, start, until
from lab.load import post_all
from lab.processes import Processes
from lab.standins.docker import DockerStandin, running
from lab.standins.prometheus import Prometheus
from lab.standins.series import world_series
from lab.standins.telegram import Telegram
from lab.world import Service, World
from memory.store import Store, open_store
from memory.together import CROWD
from nightshift.clock import SystemClock

SCOPE = {"bench": "on"}
AIM_MS, FLAT = 100.0, 1.25
"""Machines are noisy: two halves on ledgers of the same size differ by up to a fifth."""
AT_ONCE = 4
BATCH = CROWD // 2
FILLED_PER_S = 100
"""How many past incidents a second memory takes in at least."""


class Batch(BaseModel):
    """The incidents of one server; `before` is how many the ledger held when they began.

    `turns` are what an incident cost in each of its turns.
    """

    before: int
    incidents: int
    cpu_ms_per_incident: float
    turns: list[float]


class OverheadReport(BaseModel):
    """What `nightshift bench overhead --json` prints; the worse of the two counts.

    `growth` is the full ledger's turn over the empty one's beside it: the median. `broken` names
    the bounds that were not kept.
    """

    cpu_ms_per_incident: float
    growth: float
    batches: list[Batch]

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own way
    @property
    def broken(self) -> list[str]:
        """What is above the aim."""
        bounds = {
            f"more than {AIM_MS:g} ms of CPU an incident": self.cpu_ms_per_incident > AIM_MS,
            f"not flat: {FLAT:g} times as much on a full ledger": self.growth > FLAT,
        }
        return [name for name, hurt in bounds.items() if hurt]


Tell = Callable[[str], None]


@dataclass(kw_only=True)
class Side:
    """One server over a world of its own, the ledger it writes, and what its turns cost."""

    world: World
    server: Server
    chat: Telegram
    store: Store
    before: int
    incidents: int = 0
    spent_s: float = 0.0
    turns: list[float] = field(default_factory=list)

    async def turn(self, count: int) -> None:
        """Play some incidents, to the last word about each."""
        began = cpu_seconds(self.server.pid)
        await _play(self, f"s{self.before}-{self.incidents}", count)
        spent = cpu_seconds(self.server.pid) - began
        self.spent_s += spent
        self.incidents += count
        self.turns.append(round(spent / count * 1000, 1))

    def batch(self) -> Batch:
        """All its turns together."""
        cost = self.spent_s / self.incidents * 1000
        return Batch(
            before=self.before,
            incidents=self.incidents,
            cpu_ms_per_incident=round(cost, 1),
            turns=self.turns,
        )


async def measure(incidents: int, ledger: int, tell: Tell) -> OverheadReport:
    """Half of the incidents on an empty ledger, half on one that holds `ledger` of them.

    Raises NotReady when a server does not come up or an incident does not end.
    """
    half = max(1, incidents // 2)
    async with AsyncExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory(prefix="nightshift-bench-"))
        sides = []
        for name, before in (("empty", 0), ("full", ledger)):
            folder = Path(place) / name
            await fill(folder / "nightshift", before, tell)
            side = await stack.enter_async_context(served(folder, before))
            await _warm(side)
            sides.append(side)
        while (played := sides[0].incidents) < half:
            tell(f"{played} of {half} incidents each")
            for side in sides:
                await side.turn(min(AT_ONCE, half - played))
            sides.reverse()
        return report(sorted((side.batch() for side in sides), key=lambda one: one.before))


def report(batches: list[Batch]) -> OverheadReport:
    """The worse batch, and how the last compares with the first."""
    growth = median(
        last / first for first, last in zip(batches[0].turns, batches[-1].turns, strict=True)
    )
    return OverheadReport(
        cpu_ms_per_incident=max(one.cpu_ms_per_incident for one in batches),
        growth=round(growth, 2),
        batches=batches,
    )


async def _warm(side: Side) -> None:
    """Everything is imported and met once, and memory has read the ledger."""
    await _play(side, f"warm-{side.before}", AT_ONCE)
    patience = READY_S + side.before / FILLED_PER_S
    filled = partial(_remembers, side.server)
    await until(filled, "memory was not filled from the ledger", seconds=patience)


async def _remembers(server: Server) -> bool:
    """Whether the index has all past incidents: filling it anew is the start's cost."""
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        answer = await http.get(f"{server.url}/ready")
    return bool(answer.json()["components"].get("memory") == "ok")


async def _play(side: Side, name: str, count: int) -> None:
    """Let some services crash and be healed; they are gone afterwards."""
    world, server, chat = side.world, side.server, side.chat
    names = [f"{name}-{number}" for number in range(count)]
    for one in names:
        world.add(Service(name=one, labels=SCOPE, port=None))
    await asyncio.sleep(0.5)
    for one in names:
        await world.break_(one, "crash")
    bodies = iter([new_alert(number, one) for number, one in enumerate(names)])
    await post_all(server.url, bodies, connections=1, token=server.token)

    async def told() -> bool:
        return all(_fixed(chat, one) for one in names)

    async def idle() -> bool:
        found = await side.store.stats()
        return not (found.outbox_behind or found.by_status["open"] or found.by_status["waiting"])

    await until(told, f"{name} was not healed")
    await until(idle, f"the incidents of {name} did not end")
    for one in names:
        world.remove(one)


def _fixed(chat: Telegram, name: str) -> bool:
    """Whether the message about it has come to its end."""
    return any(f"{name} on" in message.text and "Fixed" in message.text for message in chat.chat)


@asynccontextmanager
async def served(folder: Path, before: int) -> AsyncIterator[Side]:
    """A server over a simulated world, with a chat; its ledger holds so many incidents."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        world = World()
        stack.push_async_callback(world.aclose)
        docker = await enter(running(DockerStandin(world)))
        prometheus = await enter(Prometheus(rules=[]))
        prometheus.watch(world_series(world))
        chat = await enter(Telegram())
        processes = await enter(Processes(folder))
        settings = {
            "NIGHTSHIFT_STABLE_FOR_S": "0.5",
            "NIGHTSHIFT_MAX_ACTIONS_PER_HOUR": "100000",
            "NIGHTSHIFT_MAX_ACTIONS_AT_ONCE": str(AT_ONCE),
            "NIGHTSHIFT_CHECK_EVERY_S": "0",
            "NIGHTSHIFT_DIGEST_AFTER": "100000",  # each is told by itself, however fast they come
            "PROMETHEUS_URL": prometheus.url,
            "TELEGRAM_BOT_TOKEN": chat.token,
            "TELEGRAM_CHAT_ID": chat.chat_id,
            "TELEGRAM_BASE_URL": chat.base_url,
        }
        for number in range(2 * AT_ONCE):
            world.add(Service(name=f"well-{number}", labels=SCOPE, health=False, port=None))
        server = await start(processes, "nightshift", docker, settings)
        ledger = open_store(folder / "nightshift", clock=SystemClock(), owner=False)
        store = await enter(ledger)
        yield Side(world=world, server=server, chat=chat, store=store, before=before)


async def fill(data: Path, count: int, tell: Tell) -> None:
    """Write finished incidents into a stopped server's ledger, told and worked off."""
    async with open_store(data, clock=SystemClock()) as store:
        for first in range(0, count, BATCH):
            numbers = range(first, min(count, first + BATCH))
            await asyncio.gather(*(_past(store, number) for number in numbers))
            while job := await store.take():
                await store.done(job)
            tell(f"{numbers.stop} of {count} past incidents written")


async def _past(store: Store, number: int) -> None:
    when = datetime.now(UTC) - timedelta(hours=2, seconds=number)
    name = f"past-{number}"
    labels = {"alertname": "ContainerDown", "name": name, "severity": "critical"}
    alert = Alert(fingerprint=name, status="firing", labels=labels, annotations={}, starts_at=when)
    (incident,) = await store.accept([alert])
    episode = Episode(
        incident=incident,
        alert_name="ContainerDown",
        service=name,
        kind="container",
        cause="crashed",
        severity="critical",
        symptom=f"container down {name} container is down",
        root_cause=f"{name} ended by itself",
        remediation_taken="start",
        outcome="resolved",
        healed_by="start",
        failed=[],
        resolution_time=3.0,
        at=when,
    )
    await store.finish(incident, "resolved", "it runs again", episode)
