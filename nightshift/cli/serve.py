"""`nightshift serve`. Not here: routes (server.py) or wiring."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadConfiguration
from nightshift.cli.printing import DataDir

if TYPE_CHECKING:
    from nightshift.service import Service
    from nightshift.settings import Settings

EXAMPLES = (
    "Examples: nightshift serve | nightshift serve --host 0.0.0.0 --data-dir /var/lib/nightshift"
    " | nightshift serve --no-worker"
)
DRAIN_S = 5
"""How long open requests and live streams may hold a shutdown."""


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    data_dir: DataDir = None,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Only take alerts in; `nightshift worker` acts.")
    ] = False,
) -> None:
    """Take alerts on POST /alert and work on them until stopped."""
    import uvloop

    from nightshift.affinity import stay_on_this_core
    from nightshift.heap import share_arenas
    from nightshift.logs import secrets_of, setup
    from nightshift.settings import load
    from nightshift.web.auth import secured
    from nightshift.wiring_store import keeps_to_one_core, must_be_shared

    given = Path(data_dir) if data_dir else None
    wanted = load(nightshift_host=host, nightshift_port=port, nightshift_data_dir=given)
    if no_worker:
        must_be_shared(wanted, "--no-worker")
    settings, new = secured(wanted)
    setup(
        level=settings.nightshift_log_level,
        as_json=settings.nightshift_log_json,
        secrets=secrets_of(settings),
    )
    if new and settings.nightshift_token:
        _tell(settings)
    share_arenas()
    if keeps_to_one_core(settings):
        stay_on_this_core()
    listening = listener(settings.nightshift_host, settings.nightshift_port)
    uvloop.run(_serve(settings, listening, work=not no_worker))


def listener(host: str, port: int) -> socket.socket:
    """Listen, before anything is opened: posts that come early wait. Raises BadConfiguration."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        found = socket.create_server((host.strip("[]"), port), family=family, backlog=512)
    except OSError as error:
        raise BadConfiguration(
            f"cannot listen on {host}:{port} ({error.strerror or error}): "
            "set NIGHTSHIFT_HOST and NIGHTSHIFT_PORT, or --host and --port"
        ) from error
    # asyncio sets this only on sockets that name their protocol; without it every answer on a kept
    # connection waits 40 ms for the reader's acknowledgement
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


async def _serve(settings: "Settings", listening: socket.socket, *, work: bool) -> None:
    """Open the service, then answer until SIGINT or SIGTERM."""
    from uvicorn.importer import import_from_string

    from nightshift.heap import settle
    from nightshift.web.running import LEAVE_S, leave_within, note_early_end, server_for
    from nightshift.wiring import open_service

    told_to_end = note_early_end(LEAVE_S)
    async with open_service(settings, work=work, accept=True) as service:

        @asynccontextmanager
        async def opened() -> AsyncIterator["Service"]:
            yield service

        def ending() -> None:
            leave_within(LEAVE_S)
            service.drain()

        settle()
        host, port = listening.getsockname()[:2]
        typer.echo(f"nightshift listens on http://{host}:{port}", err=True)
        application = import_from_string("server:create_app")(opened)
        server = server_for(application, drain_s=DRAIN_S, ending=ending)
        server.should_exit = told_to_end()
        await server.serve(sockets=[listening])


def _tell(settings: "Settings") -> None:
    """The one time that a token is shown."""
    token = settings.nightshift_token
    where = settings.nightshift_data_dir / "token"
    typer.echo(
        f"Listening beyond this machine needs a token. A new one is kept in {where}:\n\n"
        f"    {token.get_secret_value() if token else ''}\n\n"
        "Give it to Alertmanager: http_config.authorization.credentials.",
        err=True,
    )
