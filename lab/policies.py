"""Agents that do not think, to measure against: one restarts on every alert, one only starts.

Run as `python -m lab.policies restart|start --host H --port P --data-dir D`. They take
Alertmanager's webhook and, as such scripts do, call it resolved when Docker did not complain.
"""

import argparse
import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any, Literal

import docker
import uvicorn
from docker.errors import APIError, NotFound
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

Deed = Literal["restart", "start"]


class Policy:
    """Does one and the same to the container that an alert names, whatever the alert says."""

    def __init__(self, deed: Deed) -> None:
        self._deed = deed
        self._client = docker.from_env(timeout=30)
        self._incidents: dict[str, dict[str, Any]] = {}

    async def alert(self, request: Request) -> JSONResponse:
        """Act on every firing alert, then answer."""
        body = await request.json()
        ids = []
        for alert in body["alerts"]:
            if alert["status"] == "firing" and alert["labels"].get("name"):
                outcome = await asyncio.to_thread(self._do, alert["labels"]["name"])
                ids.append(self._keep(alert, outcome))
        return JSONResponse({"status": "accepted", "incidents": ids}, 202)

    async def incidents(self, _: Request) -> JSONResponse:
        """What it did, in the words that the lab asks for."""
        return JSONResponse({"incidents": list(self._incidents.values())})

    async def incident(self, request: Request) -> JSONResponse:
        """One of them."""
        return JSONResponse(self._incidents[request.path_params["id"]])

    async def ready(self, _: Request) -> JSONResponse:
        """It always is."""
        return JSONResponse({"status": "ready"})

    def _do(self, name: str) -> str:
        try:
            if self._deed == "restart":
                self._client.api.restart(name, timeout=2)
            else:
                self._client.api.start(name)
        except (NotFound, APIError):
            return "failed"
        return "resolved"

    def _keep(self, alert: dict[str, Any], outcome: str) -> str:
        id_ = str(uuid.uuid4())
        self._incidents[id_] = {
            "id": id_,
            "status": "done",
            "outcome": outcome,
            "alert": alert,
            "opened_at": datetime.now(UTC).isoformat(),
        }
        return id_


def create_app(deed: Deed) -> Starlette:
    """The web server of one policy."""
    policy = Policy(deed)
    return Starlette(
        routes=[
            Route("/alert", policy.alert, methods=["POST"]),
            Route("/incidents", policy.incidents),
            Route("/incidents/{id}", policy.incident),
            Route("/ready", policy.ready),
        ]
    )


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("deed", choices=["restart", "start"])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data-dir")
    given = parser.parse_args()
    uvicorn.run(create_app(given.deed), host=given.host, port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
