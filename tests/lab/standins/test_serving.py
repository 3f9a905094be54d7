"""Serving a stand-in leaves nothing open behind."""

import asyncio
import socket
import ssl

from starlette.responses import PlainTextResponse

from lab.standins.serving import serving
from tests.proxmox_rig import certificates


def idle_client(port: int) -> socket.socket:
    """The bare socket of a client that has shaken hands and says nothing more."""
    bare = socket.create_connection(("127.0.0.1", port), timeout=10)
    trusting = ssl._create_unverified_context()  # noqa: S323  # only how it ends matters
    return socket.socket(fileno=trusting.wrap_socket(bare).detach())


def hung_up(client: socket.socket) -> bool:
    """Whether the other end hangs up, whatever it says before."""
    client.settimeout(10)
    try:
        while client.recv(4096):
            pass
    except TimeoutError:
        return False
    return True


async def test_a_client_that_does_not_answer_the_end_is_hung_up_on() -> None:
    """TLS ends with a word from both sides; a silent client keeps no connection open."""
    made, app = certificates(), PlainTextResponse("well")
    async with serving(app, ssl_certfile=made.certificate, ssl_keyfile=made.key) as url:
        client = await asyncio.to_thread(idle_client, int(url.rpartition(":")[2]))

    with client:
        assert await asyncio.to_thread(hung_up, client)
