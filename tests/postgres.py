"""A PostgreSQL of the tests' own: a cluster for the session, a database for a test."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from lab.processes import free_port
from tests.conftest import miss

USER = "nightshift"
PATIENCE_S = 30.0


def binaries() -> Path | None:
    """The folder with initdb and postgres, wherever this system keeps it."""
    told = shutil.which("pg_config")
    asked = subprocess.run([told, "--bindir"], capture_output=True, text=True) if told else None
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("initdb")
    found = [Path(asked.stdout.strip())] if asked and asked.returncode == 0 else []
    found += [*debian, *([Path(on_path).parent] if on_path else [])]
    return next((one for one in found if (one / "initdb").exists()), None)


@contextmanager
def cluster() -> Iterator[str]:
    """The address of a fresh server that ends with the block; it keeps nothing safe, quickly."""
    programs = binaries()
    if programs is None:
        miss("PostgreSQL is not installed (Debian: postgresql)")
        raise AssertionError
    folder, port = Path(tempfile.mkdtemp(prefix="nightshift-pg-")), free_port()
    user = "postgres" if os.getuid() == 0 else None
    if user:
        shutil.chown(folder, user, user)
    data, log = folder / "data", folder / "log"
    make = ["initdb", "-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C", "--no-sync", "-D"]
    options = ["fsync=off", "max_connections=300", "listen_addresses=127.0.0.1"]
    try:
        subprocess.run(
            [programs / make[0], *make[1:], data], check=True, capture_output=True, user=user
        )
        with log.open("wb") as lines:
            server = subprocess.Popen(
                [
                    *(str(programs / "postgres"), "-D", str(data), "-p", str(port)),
                    *("-k", str(folder)),
                    *(word for option in options for word in ("-c", option)),
                ],
                stdout=lines,
                stderr=lines,
                user=user,
            )
        try:
            yield _answering(f"postgresql://{USER}@127.0.0.1:{port}/postgres", log)
        finally:
            server.send_signal(2)
            server.wait(PATIENCE_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _answering(address: str, log: Path) -> str:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with suppress(psycopg.OperationalError), psycopg.connect(address, connect_timeout=2):
            return address
        time.sleep(0.05)
    pytest.fail(f"PostgreSQL did not start: {log.read_text()[-2000:]}")


@contextmanager
def database(server: str, *, like: str = "/template0") -> Iterator[str]:
    """The address of a new database, a copy of that one, which is gone after the block."""
    name, template = f"t{uuid4().hex}", like.rpartition("/")[2]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield server.rpartition("/")[0] + f"/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
