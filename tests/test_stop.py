"""SIGTERM while healing: the real server ends in order, and the next one goes on.

Docker is a stand-in in this process that holds the request at which the server is told to stop.
"""

import asyncio
import time
from contextlib import suppress
from pathlib import Path

import httpx

from lab.world import Service
from nightshift import service
from nightshift.web import running
from tests.test_crash import SCOPE, Hold, Ward, a_ward

WITHIN_S = 30.0
"""When a service manager kills, at the earliest."""
HASTY = """
from nightshift import cli, service
from nightshift.web import running

service.DRAIN_S, running.LEAVE_S = 1.0, 3.0
cli.app()
"""
"""The real server with shorter bounds."""


def test_the_bounds_leave_time() -> None:
    """Runs are cut off before the process leaves, and it leaves before it is killed."""
    assert service.DRAIN_S < running.LEAVE_S < WITHIN_S


async def restarting(ward: Ward) -> tuple[str, Hold]:
    """A server that waits for Docker's answer to its restart of `web`; the incident."""
    ward.world.add(Service(name="web", labels=SCOPE))
    await ward.up()
    held = ward.gate.hold("POST", f"/{ward.world.get('web').id}/restart$")
    incident = await ward.hangs("web")
    await held.reached.wait()
    return incident, held


async def stopped(ward: Ward) -> tuple[int, float]:
    """Tell the server to stop; its exit code, and the seconds that it took."""
    began = time.monotonic()
    code = await ward.processes.end("server")
    ward.kills += 1
    return code, time.monotonic() - began


async def cut(ward: Ward, incident: str, opened: asyncio.Event) -> None:
    """Follow the incident's stream, which has no end yet, until the server cuts it."""
    async with ward.http as http, http.stream("GET", f"/incidents/{incident}/events") as answer:
        opened.set()
        with suppress(httpx.RemoteProtocolError):
            async for _ in answer.aiter_lines():
                pass


async def ends(ward: Ward, incident: str) -> str:
    """Start the next server and follow the incident to its end; its outcome."""
    await ward.up()
    await ward.until(incident, "end")
    async with ward.http as http:
        return str((await http.get(f"/incidents/{incident}")).json()["outcome"])


async def test_a_slow_daemon_is_waited_for(tmp_path: Path) -> None:
    """Docker answers while the server drains: the effect is on record, and is verified later."""
    async with a_ward(tmp_path) as ward:
        incident, held = await restarting(ward)
        opened = asyncio.Event()
        stream = asyncio.create_task(cut(ward, incident, opened))
        await opened.wait()
        stopping = asyncio.create_task(stopped(ward))
        await stream
        held.let_go()
        code, took = await stopping
        (entry,) = await ward.journal(incident)
        outcome = await ends(ward, incident)

    assert (code, outcome, ward.effects("web")) == (0, "resolved", ["restart"])
    assert entry.result
    assert entry.result.result == "done"
    assert took < WITHIN_S / 2


async def test_a_silent_daemon_is_not(tmp_path: Path) -> None:
    """It does not hold the process beyond its bound, and what it did late is not done again."""
    async with a_ward(tmp_path) as ward:
        ward.program = ("-c", HASTY)
        incident, held = await restarting(ward)
        code, took = await stopped(ward)
        (entry,) = await ward.journal(incident)
        held.let_go()
        await ward.gate.when(lambda: bool(ward.effects("web")))
        outcome = await ends(ward, incident)

    assert (code, outcome, ward.effects("web")) == (0, "resolved", ["restart"])
    assert took < WITHIN_S
    assert entry.result is None
