"""The lab's child processes and the ports they listen on. Not here: what is started."""

import asyncio
import os
import random
import signal
import socket
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Self, TypeVar

ROOT = Path(__file__).parents[1]
_INHERITED = ("PATH", "HOME", "LANG", "DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
_PORTS = range(20000, 30000)
_taken: set[int] = set()
T = TypeVar("T")


class NotReady(Exception):
    """A part of the lab did not come up; the message says which and shows its last words."""


def free_port() -> int:
    """A port nobody listens on, below the kernel's ephemeral range, once a process.

    Raises NotReady when none is found.
    """
    for port in random.sample(_PORTS, 200):
        if port not in _taken and _can_bind(port):
            _taken.add(port)
            return port
    raise NotReady("no free port between 20000 and 30000")


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def environment(**more: str) -> dict[str, str]:
    """A small environment that carries nothing of the user's own settings."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}  # noqa: TID251  # passed on, not read
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **more}


async def stoppable(work: Awaitable[T]) -> T:
    """Await it; a SIGTERM cancels it like Ctrl-C does, so that everything is torn down."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is not None:
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await work
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


class Processes:
    """Children in process groups of their own; all killed at the end, whatever happened."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._running: dict[str, asyncio.subprocess.Process] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in self._running.values():
            _kill(process)
        for process in self._running.values():
            await process.wait()

    async def start(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str] | None = None
    ) -> int:
        """Start a child in the lab's directory, its output in `<name>.log`; returns its id.

        Raises FileNotFoundError when the program is not there.
        """
        with self.log(name).open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=self.directory,
                env=dict(environment() if env is None else env),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._running[name] = process
        return process.pid

    async def kill(self, name: str, *, with_signal: signal.Signals = signal.SIGKILL) -> None:
        """End one child and wait for it."""
        process = self._running.pop(name)
        _kill(process, with_signal)
        await process.wait()

    async def end(self, name: str) -> int:
        """Ask one child to end, as a service manager does, and return its exit code."""
        process = self._running[name]
        _kill(process, signal.SIGTERM)
        return await process.wait()

    async def wait(self, name: str, seconds: float) -> int | None:
        """Wait that long for one child to end by itself; its exit code, or None if it did not."""
        try:
            return await asyncio.wait_for(self._running[name].wait(), seconds)
        except TimeoutError:
            return None

    def ended(self, name: str) -> int | None:
        """Its exit code, or None while it runs."""
        return self._running[name].returncode

    def log(self, name: str) -> Path:
        """The file with its output."""
        return self.directory / f"{name}.log"

    def last_words(self, name: str, lines: int = 15) -> str:
        """The end of its output."""
        if not self.log(name).exists():
            return ""
        return "\n".join(self.log(name).read_text(errors="replace").splitlines()[-lines:])


def _kill(process: asyncio.subprocess.Process, how: signal.Signals = signal.SIGKILL) -> None:
    if process.returncode is None:
        try:
            os.killpg(process.pid, how)
        except ProcessLookupError:
            return
