"""A PostgreSQL server of the lab's own, from the system's binaries. Not here: databases in it."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
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


@dataclass(kw_only=True)
class Server:
    """A server that can be stopped and started again over the same data. Blocks."""

    programs: Path
    folder: Path
    owner: str | None
    options: Sequence[str]
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """As its superuser."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Return when it answers. Raises NotReady."""
        log = self.folder / "log"
        command = [str(self.programs / "postgres"), "-D", str(self.folder / "data")]
        command += ["-p", str(self.port), "-k", str(self.folder)]
        command += [word for option in self.options for word in ("-c", option)]
        with log.open("ab") as lines:
            self.process = subprocess.Popen(command, stdout=lines, stderr=lines, user=self.owner)
        _answering(self.address, log)

    def stop(self, *, at_once: bool = False) -> None:
        """End it, in order or `at_once`: (`pg_ctl stop -m immediate`), so that it recovers."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT if at_once else signal.SIGINT)
            self.process.wait(PATIENCE_S)
        self.process = None


@contextmanager
def postgres(options: Sequence[str] = ()) -> Iterator[str]:
    """The address of a fresh server; it is gone after the block. Blocks. Raises NotReady."""
    with stoppable(options) as server:
        yield server.address


@contextmanager
def stoppable(options: Sequence[str] = ()) -> Iterator[Server]:
    """A fresh server; it is gone after the block. Blocks.

    `options` are `name=value` of its configuration. Raises NotReady.
    """
    programs = binaries()
    if programs is None:
        raise NotReady(MISSING)
    folder = Path(tempfile.mkdtemp(prefix="nightshift-pg-"))
    owner = "postgres" if os.getuid() == 0 else None  # root may not run one
    if owner:
        shutil.chown(folder, owner, owner)
    words = [*_OPTIONS, *options]
    server = Server(programs=programs, folder=folder, owner=owner, options=words, port=free_port())
    try:
        _make(programs, folder / "data", owner)
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _make(programs: Path, data: Path, owner: str | None) -> None:
    words = ["-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C", "--no-sync", "-D", str(data)]
    made = subprocess.run([str(programs / "initdb"), *words], capture_output=True, user=owner)
    if made.returncode:
        raise NotReady(f"initdb failed: {made.stderr.decode(errors='replace')[-500:]}")


def _answering(address: str, log: Path) -> None:
    import psycopg

    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with suppress(psycopg.OperationalError), psycopg.connect(address, connect_timeout=2):
            return
        time.sleep(0.05)
    raise NotReady(f"PostgreSQL did not start: {log.read_text(errors='replace')[-2000:]}")
