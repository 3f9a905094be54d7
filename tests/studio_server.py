"""`langgraph dev` as a process of its own, beside a stand-in for Docker. Not here: tests."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from lab.alerting import first_incidents
from lab.processes import free_port
from lab.standins.docker import DockerStandin, running
from lab.world import Service, World

ROOT = Path(__file__).parents[1]
LANGGRAPH = Path(sys.executable).parent / "langgraph"
SCOPE = "nightshift.managed=yes"
OFFLINE = {
    "LANGSMITH_TRACING": "false",
    "LANGGRAPH_NO_VERSION_CHECK": "true",
    "LANGGRAPH_CLI_NO_ANALYTICS": "1",
}
PATIENCE_S = 60.0

Json = dict[str, Any]


@contextmanager
def loop_beside() -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    """An event loop in a thread; what is yielded runs a coroutine there and waits for it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield lambda work: asyncio.run_coroutine_threadsafe(work, loop).result(PATIENCE_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@dataclass
class StudioServer:
    """Its HTTP API, with the few turns that tests take; `docker` is the stand-in's world."""

    url: str
    http: httpx.Client
    docker: World
    seen: int = field(default=0)

    def alert(self, name: str) -> str:
        """Post a ContainerDown for this container; returns the incident."""
        self.seen += 1
        labels = {"alertname": "ContainerDown", "name": name, "severity": "critical"}
        one = {
            "status": "firing",
            "labels": labels,
            "startsAt": datetime.now(UTC).isoformat(),
            "fingerprint": f"f{self.seen}",
        }
        body = {"version": "4", "alerts": [one]}
        self.http.post("/alert", json=body).raise_for_status()
        return first_incidents(body)[0]

    def ended(self, incident: str) -> Json:
        """The incident once it is done and its thread rests."""
        self.until(lambda: self.http.get(f"/incidents/{incident}").json()["status"] == "done")
        self.until(lambda: self.thread(incident)["status"] == "idle")
        found: Json = self.http.get(f"/incidents/{incident}").json()
        return found

    def thread(self, incident: str) -> Json:
        """The thread that shows this incident."""
        found = self.http.post("/threads/search", json={"metadata": {"incident": incident}})
        thread: Json = found.raise_for_status().json()[0]
        return thread

    def history(self, thread: str) -> list[Json]:
        """Its checkpoints, oldest first."""
        found = self.http.get(f"/threads/{thread}/history", params={"limit": 100})
        return list(reversed(found.raise_for_status().json()))

    def before(self, thread: str, node: str) -> Json:
        """The first checkpoint from which this node came next."""
        return next(one for one in self.history(thread) if node in one["next"])

    def fork(self, thread: str, at: Json | None, values: Json, as_node: str) -> Json:
        """A branch from this checkpoint (None: the last), with these values by that node."""
        body: Json = {"values": values, "as_node": as_node}
        if at:
            body["checkpoint"] = at["checkpoint"]
        answer = self.http.post(f"/threads/{thread}/state", json=body)
        checkpoint: Json = answer.raise_for_status().json()["checkpoint"]
        return checkpoint

    def run(self, thread: str, **more: Any) -> Any:
        """Run this thread on from where it stands to its end or its next question."""
        body = {"assistant_id": "nightshift", **more}
        return self.http.post(f"/threads/{thread}/runs/wait", json=body).raise_for_status().json()

    def state(self, thread: str) -> Json:
        """Where it stands."""
        found: Json = self.http.get(f"/threads/{thread}/state").raise_for_status().json()
        return found

    def until(self, holds: Callable[[], bool]) -> None:
        """Look until it holds."""
        end = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < end, "it took too long"
            time.sleep(0.1)


@contextmanager
def studio_server(folder: Path, **settings: str) -> Iterator[StudioServer]:
    """Start it offline in this folder, with `web` and `db` in its Docker; end it in the end."""
    with loop_beside() as wait:
        world = wait(_world())
        docker = running(DockerStandin(world))
        port = free_port()
        env = {
            "PATH": f"{LANGGRAPH.parent}:/usr/bin:/bin",
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "DOCKER_HOSTS": f"lab={wait(docker.__aenter__())}",
            "DOCKER_SCOPE": SCOPE,
            **OFFLINE,
            **settings,
        }
        try:
            with _dev(folder, port, env) as url, httpx.Client(base_url=url, **_CLIENT) as http:
                yield StudioServer(url=url, http=http, docker=world)
        finally:
            wait(docker.__aexit__(None, None, None))
            wait(world.aclose())


_CLIENT: Json = {"timeout": PATIENCE_S, "trust_env": False}


async def _world() -> World:
    made = World()
    for name in ("web", "db"):
        made.add(Service(name=name, labels=dict([SCOPE.split("=")]), restart="no"))
        await made.break_(name, "crash")
    return made


@contextmanager
def _dev(folder: Path, port: int, env: dict[str, str]) -> Iterator[str]:
    url = f"http://127.0.0.1:{port}"
    command = [str(LANGGRAPH), "dev", "--no-browser", "--no-reload", "--port", str(port)]
    with (folder / "langgraph.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--config", str(ROOT / "langgraph.json")],
            cwd=folder,
            env=env,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _answers(url, process, folder / "langgraph.log")
            yield url
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(PATIENCE_S)


def _answers(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until it serves; an early end shows what it said."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            httpx.get(f"{url}/ok", timeout=5, trust_env=False).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text())
