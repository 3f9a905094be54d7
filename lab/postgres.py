"""A PostgreSQL server of the lab's own, from the system's binaries. Not here: databases in it."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.processes import NotReady, free_port

USER = "nightshift"
PATIENCE_S = 30.0
MISSING = "PostgreSQL is not installed (Debian: postgresql)"
_OPTIONS = ("max_connections=300", "listen_addresses=127.0.0.1")


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
def postgres(options: Sequence[str] = ()) -> Iterator[str]:
    """The address of a fresh server, as its superuser; it is gone after the block. Blocks.

    `options` are `name=value` of its configuration. Raises NotReady.
    """
    programs = binaries()
    if programs is None:
        raise NotReady(MISSING)
    folder = Path(tempfile.mkdtemp(prefix="nightshift-pg-"))
    owner = "postgres" if os.getuid() == 0 else None  # root may not run one
    if owner:
        shutil.chown(folder, owner, owner)
    try:
        _make(programs, folder / "data", owner)
        with _server(programs, folder, owner, [*_OPTIONS, *options]) as address:
            yield address
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make(programs: Path, data: Path, owner: str | None) -> None:
    words = ["-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C", "--no-sync", "-D", str(data)]
    made = subprocess.run([str(programs / "initdb"), *words], capture_output=True, user=owner)
    if made.returncode:
        raise NotReady(f"initdb failed: {made.stderr.decode(errors='replace')[-500:]}")


@contextmanager
def _server(
    programs: Path, folder: Path, owner: str | None, options: Sequence[str]
) -> Iterator[str]:
    port, log = free_port(), folder / "log"
    command = [str(programs / "postgres"), "-D", str(folder / "data"), "-p", str(port)]
    command += ["-k", str(folder), *(word for option in options for word in ("-c", option))]
    with log.open("wb") as lines:
        server = subprocess.Popen(command, stdout=lines, stderr=lines, user=owner)
    try:
        yield _answering(f"postgresql://{USER}@127.0.0.1:{port}/postgres", log)
    finally:
        server.send_signal(2)
        server.wait(PATIENCE_S)


def _answering(address: str, log: Path) -> str:
    import psycopg

    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with suppress(psycopg.OperationalError), psycopg.connect(address, connect_timeout=2):
            return address
        time.sleep(0.05)
    raise NotReady(f"PostgreSQL did not start: {log.read_text(errors='replace')[-2000:]}")
