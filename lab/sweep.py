"""Removing what labs left behind whose process was killed. Not here: the ordinary way out."""

import os
import shutil
import signal
import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from docker import DockerClient

from lab.containers import LABEL, is_of, remove
from lab.stack import DIRECTORY_PREFIX

PROC = Path("/proc")


def sweep(
    client: DockerClient, *, older_than: timedelta = timedelta(hours=1), folder: Path | None = None
) -> list[str]:
    """Remove labs whose owner is dead, and those older than that of whom nobody here knows.

    Returns the ids. Raises docker.errors.DockerException.
    """
    swept = set()
    living = set()
    for directory in (folder or Path(tempfile.gettempdir())).glob(f"{DIRECTORY_PREFIX}*"):
        lab_id = directory.name.removeprefix(DIRECTORY_PREFIX).rpartition("-")[0]
        if _owner_lives(directory):
            living.add(lab_id)
            continue
        _end_processes(directory)
        remove(client, lab_id)
        shutil.rmtree(directory, ignore_errors=True)
        swept.add(lab_id)
    for value in _strays(client, older_than):
        if not any(is_of(value, lab_id) for lab_id in living):
            remove(client, value)
            swept.add(value)
    return sorted(swept)


def _owner_lives(directory: Path) -> bool:
    """Whether the process that made this directory is there and is a Python."""
    with suppress(OSError, ValueError):
        owner = int((directory / "owner").read_text())
        return b"python" in (PROC / str(owner) / "cmdline").read_bytes()
    return False


def _end_processes(directory: Path) -> None:
    """Kill the processes that carry the lab's directory in their arguments or work in it."""
    for process in PROC.iterdir():
        if (
            process.name.isdigit()
            and int(process.name) != os.getpid()
            and _is_in(process, directory)
        ):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(int(process.name), signal.SIGKILL)


def _is_in(process: Path, directory: Path) -> bool:
    with suppress(OSError):
        return (process / "cwd").resolve() == directory.resolve()
    return False


def _strays(client: DockerClient, older_than: timedelta) -> set[str]:
    """The label's values on containers that were made before that."""
    before = (datetime.now(UTC) - older_than).timestamp()
    found = client.api.containers(all=True, filters={"label": LABEL})
    old = [one for one in found if one["Created"] < before]
    return {one["Labels"][LABEL] for one in old}
