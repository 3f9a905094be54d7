"""What the lab itself saw: health over time, and what changed in a service. Not here: judgement."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

from docker.errors import DockerException
from requests.exceptions import RequestException

from lab.containers import Fleet, Look

_EVERY_S = 0.25


class Watcher:
    """Looks at every service and guest four times a second and keeps when each was well."""

    def __init__(
        self,
        fleet: Fleet,
        services: Sequence[str],
        guests: Mapping[str, Callable[[], bool]] | None = None,
    ) -> None:
        self._fleet = fleet
        self._services = services
        self._guests = guests or {}
        self._history: dict[str, list[tuple[float, bool]]] = {
            name: [] for name in (*services, *self._guests)
        }
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def well_since(self, name: str) -> float | None:
        """When the present unbroken time of being well began; None when it is not well."""
        since = None
        for at, well in reversed(self._history[name]):
            if not well:
                break
            since = at
        return since

    def was_broken(self, name: str) -> bool:
        """Whether it was ever seen not well."""
        return any(not well for _, well in self._history[name])

    async def _run(self) -> None:
        while True:
            for name in self._services:
                with suppress(DockerException, RequestException):
                    look = await asyncio.to_thread(self._fleet.look, name)
                    self._history[name].append((time.time(), look.well))
            for name, is_well in self._guests.items():
                self._history[name].append((time.time(), is_well()))
            await asyncio.sleep(_EVERY_S)


def portrait(look: Look) -> dict[str, Any]:
    """What must not change in a service nobody should touch."""
    facts = look.facts
    if not facts:
        return {"exists": False}
    host = facts["HostConfig"]
    return {
        "exists": True,
        "status": facts["State"]["Status"],
        "started": facts["State"]["StartedAt"],
        "memory": host["Memory"],
        "restart policy": host["RestartPolicy"]["Name"],
        "networks": sorted(facts["NetworkSettings"]["Networks"]),
        "name": facts["Name"],
    }


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What is different, in words."""
    changed = [key for key in sorted({*before, *after}) if before.get(key) != after.get(key)]
    return [
        "it was started again"
        if key == "started"
        else f"{key} was {before.get(key)!r}, is {after.get(key)!r}"
        for key in changed
    ]
