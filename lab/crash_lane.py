"""One server that is killed again and again, and the world that counts what it did meanwhile.

Docker and Telegram are stand-ins in this process, so they outlive the server. Not here: the plan
of kills (crash_plan.py), the sums (crash_bench.py).
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx

from lab.alerting import first_incidents
from lab.crash_case import Case, Tally, delivery
from lab.crash_plan import DIE_AT, DRIVEN, SETTLE_S, Patient, Point
from lab.processes import NotReady, Processes, environment, free_port
from lab.standins.docker import DockerStandin, running
from lab.standins.telegram import TOKEN, Telegram
from lab.world import Service, World

DEADLINE_S = 120.0
"""From the restart to the recorded outcome of all that was accepted before."""
REACH_S = 20.0
"""A boundary that is not reached in this time is tried with other alerts."""
TRIES = 4
BYSTANDERS = 6
SCOPE = {"nightshift.enable": "true"}
CHANGES = r"/(start|restart)$"
_CHANGED = 204
"""Docker's answer to a call that changed something."""
_SETTINGS = {
    "NIGHTSHIFT_SETTLE_S": str(SETTLE_S),
    "NIGHTSHIFT_STABLE_FOR_S": "0",
    "NIGHTSHIFT_VERIFY_FOR_S": "5",
    "NIGHTSHIFT_CHECK_EVERY_S": "0",
    "NIGHTSHIFT_WORKERS": "4",
    "NIGHTSHIFT_COOLDOWN_S": "0",
    "NIGHTSHIFT_MAX_ACTIONS_PER_HOUR": "100000",
    "NIGHTSHIFT_MAX_ACTIONS_AT_ONCE": "100",
    "NIGHTSHIFT_LOG_LEVEL": "WARNING",
    "DOCKER_SCOPE": "nightshift.enable=true",
    "DOCKER_TIMEOUT_S": "2",
    "DOCKER_STOP_GRACE_S": "0",
    "TELEGRAM_BOT_TOKEN": TOKEN,
    "TELEGRAM_CHAT_ID": "42",
}


class Lane:
    """A server in a folder of its own, with its own Docker and Telegram."""

    def __init__(
        self,
        folder: Path,
        *,
        docker: DockerStandin,
        telegram: Telegram,
        processes: Processes,
        env: dict[str, str],
        naive: bool,
    ) -> None:
        self.folder, self.docker, self.telegram = folder, docker, telegram
        self.world = docker.world
        self.tally = Tally()
        self._processes, self._env, self._naive = processes, env, naive
        self._port = env["NIGHTSHIFT_PORT"]
        self._born, self._pid = 0.0, 0
        self._open: list[Case] = []

    async def play(self, point: Point) -> None:
        """One kill; when this returns the server lives again and all is at rest."""
        if not self._pid:
            await self._start()
            await self._up()
        self._arm(point.where)
        for _ in range(TRIES):
            broken = [await self._break(patient) for patient in point.patients]
            await self._post(broken)
            if await self._dies(point, broken):
                break
        else:
            raise NotReady(f"{point.where} was not reached; the server's last words:\n{self.words}")
        self.tally.kills[point.where] += 1
        await self._come_back()
        await self._recover()

    @property
    def words(self) -> str:
        """The end of the server's log."""
        return self._processes.last_words("server")

    async def _start(self) -> None:
        self._born = time.time()
        command = [sys.executable, "-m", "lab.crash_server", str(self.folder)]
        command += ["--naive"] if self._naive else []
        self._pid = await self._processes.start("server", command, env=self._env)

    async def _up(self) -> None:
        """Return when it answers. Raises NotReady."""
        while time.time() < self._born + DEADLINE_S:
            try:
                async with self._http() as http:
                    await http.get("/health")
            except httpx.HTTPError:
                if self._processes.ended("server") is not None:
                    break
                await asyncio.sleep(0.05)
            else:
                return
        raise NotReady(f"the server did not come up; its last words:\n{self.words}")

    def _arm(self, where: str) -> None:
        (self.folder / DIE_AT).write_text(where)

    async def _break(self, patient: Patient) -> Case:
        """A new container breaks, which Docker will be slow to mend."""
        name = f"c{len(self.tally.cases) + 1}"
        digest = self.world.add(Service(name=name, labels=SCOPE))
        self.docker.faults.add(f"^/containers/{digest}{CHANGES}", delay_s=patient.delay_s)
        with self.world.subscribe() as events:
            while self.world.get(name).health != "healthy":
                await events.get()
            await self.world.break_(name, patient.fault)
            while self.world.get(name).health != "unhealthy":
                await events.get()
        case = Case(name=name, body=delivery(name, patient), patient=patient)
        self.tally.cases.append(case)
        self._open.append(case)
        return case

    async def _post(self, cases: list[Case]) -> None:
        """Post each alert as Alertmanager does; a server that dies has accepted nothing."""
        await asyncio.gather(*(self._post_one(case) for case in cases))

    async def _post_one(self, case: Case) -> None:
        try:
            async with self._http() as http:
                answer = await http.post("/alert", json=case.body)
        except httpx.HTTPError:
            return
        if answer.status_code == httpx.codes.ACCEPTED:
            tenant = self._env["NIGHTSHIFT_TENANT"]
            (case.incident,) = first_incidents(case.body, tenant=tenant)

    async def _dies(self, point: Point, broken: list[Case]) -> bool:
        """Whether it died where it should."""
        if point.where in {"random", "recovering"}:
            await asyncio.sleep(point.after_s)
            await self._processes.kill("server")
            return True
        if point.where == "effect.during":
            return await self._dies_during(point, broken)
        return await self._processes.wait("server", REACH_S) is not None

    async def _dies_during(self, point: Point, broken: list[Case]) -> bool:
        """Killed while Docker has its call in hand: some time before the call ends."""
        container = self.world.get(broken[0].name).id
        try:
            async with asyncio.timeout(REACH_S):
                await self.docker.faults.arrived(f"^/containers/{container}{CHANGES}")
        except TimeoutError:
            return False
        await asyncio.sleep(min(point.after_s, broken[0].patient.delay_s / 2))
        await self._processes.kill("server")
        return True

    async def _come_back(self) -> None:
        (self.folder / DIE_AT).unlink(missing_ok=True)
        await self._start()
        await self._up()
        await self._post([case for case in self._open if not case.incident])

    async def _recover(self) -> None:
        """Wait until every incident has its outcome, or its deadline is over."""
        accepted = [case for case in self._open if case.incident]
        end = self._born + DEADLINE_S
        waiting = list(accepted)
        while waiting and time.time() < end:
            await asyncio.gather(*(self._look(case) for case in waiting))
            waiting = [case for case in waiting if not case.outcome]
            await asyncio.sleep(0.1 if waiting else 0)
        for case in waiting:
            case.lost = True
        if accepted:
            self.tally.recovered_s.append(time.time() - self._born)
            self._note_resumption({case.incident for case in accepted})
        for case in accepted:
            await self._close(case)
        self._open = [case for case in self._open if not case.incident]

    async def _close(self, case: Case) -> None:
        """Wait for what Docker has in hand, for a late effect counts like any other, and count."""
        path = f"^/containers/{self.world.get(case.name).id}{CHANGES}"
        while len(list(self.docker.faults.seen(path))) > case.calls.total():
            await asyncio.sleep(0.05)
            done = [one for one in self.world.actions if one.name == case.name]
            case.calls = Counter(one.verb for one in done)
            case.effects = Counter(one.verb for one in done if one.status == _CHANGED)
        case.messages = sum(case.incident in one.text for one in self.telegram.chat)
        self.world.remove(case.name)

    async def _look(self, case: Case) -> None:
        try:
            async with self._http() as http:
                seen = (await http.get(f"/incidents/{case.incident}")).json()
        except httpx.HTTPError:
            return
        asked = "question" if seen.get("approval") else ""
        case.outcome = (seen.get("outcome") or "") if seen.get("status") == "done" else asked

    def _note_resumption(self, incidents: set[str]) -> None:
        """From the start of the process to the first segment of each incident that was left."""
        found: dict[str, float] = {}
        for line in (self.folder / DRIVEN).read_text().splitlines():
            pid, incident, at = line.split()
            if int(pid) == self._pid and incident in incidents:
                found.setdefault(incident, float(at) - self._born)
        self.tally.resumed_s += found.values()

    def _http(self) -> httpx.AsyncClient:
        base = f"http://127.0.0.1:{self._port}"
        return httpx.AsyncClient(base_url=base, timeout=REACH_S, trust_env=False)


@asynccontextmanager
async def a_lane(
    folder: Path, *, naive: bool = False, database_url: str = "", tenant: str = "default"
) -> AsyncIterator[Lane]:
    """A lane with all its parts, ended with the block."""
    await asyncio.to_thread(folder.mkdir, parents=True)
    world = World()
    for number in range(BYSTANDERS):
        world.add(Service(name=f"neighbour{number}", labels=SCOPE))
    docker = DockerStandin(world)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(world.aclose)
        url = await stack.enter_async_context(running(docker))
        telegram = await stack.enter_async_context(Telegram())
        processes = await stack.enter_async_context(Processes(folder))
        settings = {
            **_SETTINGS,
            "NIGHTSHIFT_DATA_DIR": str(folder),
            "NIGHTSHIFT_PORT": str(free_port()),
            "NIGHTSHIFT_TENANT": tenant,
            "DOCKER_HOSTS": f"lab={url}",
            "TELEGRAM_BASE_URL": telegram.base_url,
            "LANGGRAPH_STRICT_MSGPACK": "true",
            **({"DATABASE_URL": database_url} if database_url else {}),
        }
        yield Lane(
            folder,
            docker=docker,
            telegram=telegram,
            processes=processes,
            env=environment(**settings),
            naive=naive,
        )
