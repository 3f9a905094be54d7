"""The running service: its parts, its background tasks and how well they are. Not here: opening."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import httpx
import structlog
from pydantic import SecretStr

from domain.deps import Deps
from domain.errors import NightshiftError
from domain.plain import Plain
from memory.store import Store
from nightshift.check import Check, own_alert
from nightshift.crew import Crew, OwnCrew
from nightshift.heard import HeardNotifier
from nightshift.metrics import Live
from nightshift.runs import Runs
from nightshift.settings import Settings
from nightshift.watch import Watch

log = structlog.get_logger(__name__)

HEALTH_EVERY_S = 15.0
HEARTBEAT_EVERY_S = 60.0
DRAIN_S = 20.0
ESSENTIAL = ("database", "workers")
"""Without these nothing can be accepted and finished; all else only degrades."""

Component = Callable[[], Awaitable[str]]


class Service:
    """Store, ports and tasks of one process."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        deps: Deps,
        runs: Runs,
        watch: Watch,
        components: dict[str, Component],
        notifiers: Sequence[HeardNotifier] = (),
        crew: Crew | None = None,
    ) -> None:
        self.settings, self.store, self.deps = settings, store, deps
        self._runs, self._crew, self._watch = runs, crew or OwnCrew(runs), watch
        self._check = Check(store, deps)
        self._components, self._notifiers = components, notifiers
        self._state: dict[str, str] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def check_now(self) -> Plain:
        """Run the proactive check now."""
        return await self._check.run()

    async def delivery_lost(self, kind: str, sentence: str) -> None:
        """Tell people that alerts cannot come again; once an hour is enough for each kind."""
        hour = self.deps.clock.now().replace(minute=0, second=0, microsecond=0)
        labels = {"alertname": "NightshiftAlertsLost", "severity": "warning", "kind": kind}
        await self._check.raise_once([own_alert(labels, sentence, hour)])

    @property
    def change_count(self) -> int:
        """How many changes were recorded: what `wait_change` counts from."""
        return self.store.change_count

    async def wait_change(self, after: int, timeout: float) -> None:  # noqa: ASYNC109  # a bound, not a failure
        """Return when more than `after` changes were recorded, or after `timeout` seconds."""
        await self.store.wait_change(after, timeout=timeout)

    def readiness(self) -> Plain:
        """`{"ready", "degraded": {component: reason}, "components": {component: "ok"|reason}}`."""
        state = self.live()
        words: Plain = {**state.components}
        degraded: Plain = {name: word for name, word in words.items() if word != "ok"}
        return {"ready": state.ready, "degraded": degraded, "components": words}

    def live(self) -> Live:
        """The same for `/metrics`, and what only counts there."""
        state = {**self._state, "workers": self._workers(), "events": self._watch.problem or "ok"}
        return Live(
            ready=bool(self._state) and all(state.get(name) == "ok" for name in ESSENTIAL),
            components=state,
            maybe_doubled={one.name: one.maybe_doubled for one in self._notifiers},
        )

    def start(self, background: dict[str, Coroutine[Any, Any, None]]) -> None:
        """Start the workers and everything else that runs beside them."""
        for number, work in enumerate(self._crew.workers(self.settings.nightshift_workers)):
            self._begin(f"worker-{number}", work)
        self._begin("watch", self._crew.alone("watch", self._watch.run))
        self._begin("health", self._look_after())
        every = self.settings.nightshift_check_every_s
        if every > 0:
            self._begin("check", self._crew.every(every, self._check_quietly))
        if self.settings.heartbeat_url is not None:
            self._begin("heartbeat", self._heartbeat(self.settings.heartbeat_url))
        self._begin_all(background)

    def start_accepting(self, background: dict[str, Coroutine[Any, Any, None]]) -> None:
        """Only take alerts in: other processes work on them."""
        self._watch.stand_by()
        self._begin("health", self._look_after())
        self._begin_all(background)

    def drain(self) -> None:
        """Take no more jobs; running segments end at their next checkpoint."""
        self._crew.stop()

    async def stop(self) -> None:
        """Drain, then end what is left: a node that takes longer runs again at the next start."""
        self.drain()
        workers = [task for name, task in self._tasks.items() if name.startswith("worker-")]
        if workers:
            await asyncio.wait(workers, timeout=DRAIN_S)
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _begin_all(self, background: dict[str, Coroutine[Any, Any, None]]) -> None:
        for name, task in background.items():
            self._begin(name, task)

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks[name] = task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            log.critical("background_task_died", task=task.get_name(), exc_info=error)

    def _workers(self) -> str:
        dead = [name for name, task in self._tasks.items() if task.done()]
        return f"ended: {', '.join(dead)}" if dead else "ok"

    async def _look_after(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(HEALTH_EVERY_S)

    async def look(self) -> None:
        """Ask every component how it is."""
        names = list(self._components)
        words = await asyncio.gather(*(_word(self._components[name]) for name in names))
        self._state = dict(zip(names, words, strict=True))

    async def _check_quietly(self) -> None:
        try:
            await self.check_now()
        except NightshiftError as error:
            log.warning("check_failed", error=str(error))

    async def _heartbeat(self, url: SecretStr) -> None:
        """Tell a dead man's switch that we live, but only while we are ready."""
        while True:
            if self.readiness()["ready"]:
                await _ping(url.get_secret_value())
            await asyncio.sleep(HEARTBEAT_EVERY_S)


async def _word(component: Component) -> str:
    try:
        async with asyncio.timeout(HEALTH_EVERY_S / 2):
            return await component()
    except TimeoutError:
        return "no answer in time"
    except NightshiftError as error:
        return str(error)


async def _ping(url: str) -> None:
    try:
        async with httpx.AsyncClient(timeout=10.0) as client:
            (await client.get(url)).raise_for_status()
    except httpx.HTTPError as error:
        log.warning("heartbeat_failed", error=type(error).__name__)
