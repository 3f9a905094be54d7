"""Servers that only accept, to measure against: one answers, one also writes the body down.

Run as `python -m lab.accept_bare plain|durable --port P --data-dir D`. The durable one does the
least that an accepted alert needs: one row, on the disk (`synchronous=FULL`) before the answer.
"""

import argparse
import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nightshift.cli.serve import listener


class Rows:
    """One table of bodies; the same durability as the product's, and nothing else."""

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(
            folder / "bare.db", isolation_level=None, check_same_thread=False
        )
        for said in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL"):
            self._connection.execute(said)
        self._connection.execute("CREATE TABLE bodies (body BLOB NOT NULL)")

    def insert(self, body: bytes) -> None:
        """Durable on return."""
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute("INSERT INTO bodies VALUES (?)", (body,))
        self._connection.execute("COMMIT")


def application(rows: Rows | None) -> Starlette:
    """`POST /alert` and `GET /ready`."""
    thread = ThreadPoolExecutor(1)

    async def alert(request: Request) -> Response:
        body = await request.body()
        await request.json()
        if rows is not None:
            await asyncio.get_running_loop().run_in_executor(thread, rows.insert, body)
        return JSONResponse({"status": "accepted"}, 202)

    async def ready(_: Request) -> Response:
        return JSONResponse({})

    return Starlette(routes=[Route("/alert", alert, methods=["POST"]), Route("/ready", ready)])


def main() -> None:
    """Serve until killed."""
    asked = argparse.ArgumentParser()
    asked.add_argument("kind", choices=("plain", "durable"))
    asked.add_argument("--port", type=int, required=True)
    asked.add_argument("--data-dir", type=Path, required=True)
    given = asked.parse_args()
    app = application(Rows(given.data_dir) if given.kind == "durable" else None)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
    asyncio.run(server.serve(sockets=[listener("127.0.0.1", given.port)]))


if __name__ == "__main__":
    main()
