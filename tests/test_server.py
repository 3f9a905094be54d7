"""The front door."""

import subprocess
import sys

from starlette.routing import Route

import server

OPENS = (
    "import sys, server; print(*(m for m in ('docker', 'langgraph', 'openai') if m in sys.modules))"
)


def test_every_address_is_there_once() -> None:
    """Each route has its own path and name."""
    paths = [route.path for route in server.app.routes if isinstance(route, Route)]

    assert len(paths) == len(set(paths)) == 12


def test_importing_it_opens_nothing() -> None:
    """`uvicorn server:app` imports it before any setting is read."""
    seen = subprocess.run([sys.executable, "-c", OPENS], capture_output=True, text=True, check=True)

    assert seen.stdout.strip() == ""
