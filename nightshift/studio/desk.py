"""What Studio's runs are given: live ports that only look, or a recording. Not here: HTTP.

`langgraph dev` makes a run's context from JSON and leaves no other way in, so the desk of this
process is found by name (entry.py): the one exception to passing things along.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from langgraph_sdk import get_client

from domain.deps import Deps
from domain.errors import BadConfiguration, NotFound
from memory.store import Store
from nightshift.recorded import recorded_deps
from nightshift.recording import Recording
from nightshift.service import Component, Service
from nightshift.settings import Settings
from nightshift.studio.harmless import harmless
from nightshift.studio.runs import StudioRuns
from nightshift.watch import Watch
from nightshift.wiring import open_service

DATA = Path(".langgraph_api") / "nightshift"
"""Studio's own store, beside the one of `langgraph dev`; never the service's data directory."""
WORKERS = 2


def studio_settings(settings: Settings) -> Settings:
    """The user's settings with a store of Studio's own, mode observe, and nobody to tell."""
    return settings.model_copy(
        update={
            "nightshift_data_dir": DATA,
            "nightshift_mode": "observe",
            "nightshift_workers": WORKERS,
            "nightshift_check_every_s": 0.0,
            "telegram_bot_token": None,
            "heartbeat_url": None,
        }
    )


class Desk:
    """The live ports while the server runs, and the recordings that were brought in."""

    def __init__(self, folder: Path = DATA / "recordings") -> None:
        self._folder = folder
        self._live: Deps | None = None

    @asynccontextmanager
    async def open(self, settings: Settings) -> AsyncIterator[Service]:
        """A service whose incidents run as threads of this server, with no effect.

        Raises BadConfiguration, as the service itself does.
        """
        quiet = studio_settings(settings)
        async with open_service(quiet, work=False) as opened, get_client(api_key=None) as client:
            deps = harmless(opened.deps)
            service = Service(
                settings=quiet,
                store=opened.store,
                deps=deps,
                runs=StudioRuns(opened.store, deps, client),
                watch=Watch(deps.containers, opened.store, deps.clock),
                components=_components(opened.store, deps),
            )
            await service.look()
            await opened.store.recover()
            self._live = deps
            service.start({})
            try:
                yield service
            finally:
                self._live = None
                await service.stop()

    async def deps(self, recorded: str = "") -> Deps:
        """Live ports; or, given an incident's id, those of its recording.

        Raises NotFound (no such recording), BadConfiguration (the server's routes are not there).
        """
        live = self._live
        if live is None:
            raise BadConfiguration("mount nightshift.studio.entry:app as http.app: nothing is open")
        if not recorded:
            return live
        recording = await asyncio.to_thread(_read, self._path(recorded))
        return recorded_deps(recording, rulebook=live.rulebook, limits=live.limits)

    async def keep(self, recording: Recording) -> None:
        """Take a recording in; one of the same incident is replaced."""
        await asyncio.to_thread(_write, self._path(recording.incident.id), recording)

    def _path(self, incident: str) -> Path:
        """Ids are UUIDs; anything else could name another file."""
        try:
            return self._folder / f"{UUID(incident)}.json"
        except ValueError:
            raise NotFound(f"{incident[:40]!r} is not the id of an incident") from None


def _write(path: Path, recording: Recording) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(recording.model_dump_json())


def _read(path: Path) -> Recording:
    try:
        return Recording.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise NotFound(
            f"there is no recording {path.stem}: nightshift studio {path.stem}"
        ) from None


def _components(store: Store, deps: Deps) -> dict[str, Component]:
    """What `/ready` asks here: the store, and Docker."""

    async def database() -> str:
        await store.paused()
        return "ok"

    async def docker() -> str:
        return "; ".join((await deps.containers.inventory()).unreachable.values()) or "ok"

    return {"database": database, "docker": docker}
