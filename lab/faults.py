"""The steps of a scenario's fault, done one after the other. Not here: what a step may say."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext

from lab.alerting import payload
from lab.containers import Fleet, Placed
from lab.recorder import Recorder
from lab.scenario import Step
from lab.site import Site

Post = Callable[[dict[str, object]], Awaitable[None]]


class Breaker:
    """Breaks services; every change made through Docker's API is noted as the lab's own."""

    def __init__(
        self, fleet: Fleet, recorder: Recorder, post: Post, site: Site | None = None
    ) -> None:
        self._site = site
        self._fleet = fleet
        self._recorder = recorder
        self._post = post

    async def run(self, steps: list[Step]) -> float:
        """Do all steps; returns the time at which the first of them began."""
        begun = 0.0
        for step in steps:
            await asyncio.sleep(step.after_s)
            begun = begun or time.time()
            await self._step(step)
            if step.until:
                await self._fleet.wait_until(step.service, step.until)
        return begun

    async def _step(self, step: Step) -> None:
        if step.kind == "wait":
            await asyncio.sleep(step.amount or 0)
        elif step.kind == "post_alert" and step.alert:
            await self._post(payload(step.alert, self._fleet))
        elif not step.service and self._site:
            self._site.break_(step)
        else:
            await self._break(step, self._fleet.placed[step.service])

    async def _break(self, step: Step, placed: Placed) -> None:
        act = self._acts().get(step.kind)
        verb = step.kind if act else "exec"
        call = act or self._tell
        async with self._recorder.own(verb, placed.id) if verb else nullcontext():
            await asyncio.to_thread(call, step, placed)

    def _acts(self) -> dict[str, Callable[[Step, Placed], None]]:
        """The steps that are calls of Docker's API."""
        api = self._fleet.client.api
        return {
            "stop": lambda _, placed: api.stop(placed.id, timeout=3),
            "kill": lambda _, placed: api.kill(placed.id),
            "pause": lambda _, placed: api.pause(placed.id),
            "unpause": lambda _, placed: api.unpause(placed.id),
            "start": lambda _, placed: api.start(placed.id),
            "disconnect": lambda step, placed: api.disconnect_container_from_network(
                placed.id, self._fleet.network(step.network)
            ),
        }

    def _tell(self, step: Step, placed: Placed) -> None:
        """Run a command inside: the scenario's own, or one that tells the service to break."""
        words = [step.kind, *_arguments(step)]
        command = step.command if step.kind == "exec" else ["/service/fault", *words]
        run = self._fleet.client.api.exec_create(placed.id, command)
        self._fleet.client.api.exec_start(run["Id"])


def _arguments(step: Step) -> list[str]:
    if step.kind == "leak":
        return [str(step.amount or 48), "1024"]
    if step.kind == "say":
        return [step.text]
    return [str(step.amount)] if step.amount is not None else []
