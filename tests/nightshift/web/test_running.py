"""The server process: a real one, over a socket."""

import asyncio
import os
import signal
from typing import Any

import httpx
import pytest

from domain.errors import BadConfiguration
from nightshift.cli.serve import listener
from nightshift.web.running import Server, server_for

ENDLESS_S = 60


async def _endless(scope: Any, receive: Any, send: Any) -> None:
    """An application whose every answer is a stream that does not end by itself."""
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": f"{message['type']}.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x", "more_body": True})
    await asyncio.sleep(ENDLESS_S)


async def _started(server: Server, port_of: Any) -> asyncio.Task[None]:
    task = asyncio.create_task(server.serve(sockets=[port_of]))
    async with asyncio.timeout(5):
        while not server.started:  # noqa: ASYNC110  # uvicorn offers no event
            await asyncio.sleep(0.01)
    return task


async def test_an_open_stream_does_not_hold_the_end() -> None:
    """SIGTERM ends the server within its grace, and whoever runs it goes on."""
    listening = listener("127.0.0.1", 0)
    server = server_for(_endless, drain_s=0)
    task = await _started(server, listening)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/"

    async with httpx.AsyncClient() as client, client.stream("GET", url) as answer:
        assert answer.status_code == 200
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(5):
            await task

    assert signal.getsignal(signal.SIGTERM) != server.handle_exit


def test_a_taken_port_is_a_wrong_setting() -> None:
    """The message names what to set."""
    with (
        listener("127.0.0.1", 0) as taken,
        pytest.raises(BadConfiguration, match="NIGHTSHIFT_PORT"),
    ):
        listener("127.0.0.1", taken.getsockname()[1])
