"""A folder that one process owns and can start over. Not here: what is in it."""

import fcntl
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

from domain.errors import Transient


class OwnFolder:
    """Made when it is locked; the lock lies beside it and ends with the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def lock(self) -> None:
        """Keep other processes out; again is no change.

        Raises Transient: another one is in, or the folder cannot be written.
        """
        if self._lock is not None:
            return
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Transient(f"the folder {str(self.path)!r} cannot be used: {error}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise Transient(f"another process holds the folder {str(self.path)!r}") from error
        self._lock = lock

    def unlock(self) -> None:
        """Let others in; again is no change."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def empty(self) -> None:
        """Delete what is in it. Raises Transient."""
        try:
            shutil.rmtree(self.path)
            self.path.mkdir(mode=0o700)
        except OSError as error:
            raise Transient(f"could not empty {str(self.path)!r}: {error}") from error

    def move_away(self) -> None:
        """Rename it to `….corrupt-<time>` and start an empty one. Raises Transient.

        Only the newest of these is kept: disks are finite.
        """
        stem = f"{self.path.name}.corrupt-"
        aside = self.path.with_name(f"{stem}{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
        try:
            for old in self.path.parent.glob(f"{stem}*"):
                shutil.rmtree(old)
            self.path.rename(aside)
            self.path.mkdir(mode=0o700)
        except OSError as error:
            raise Transient(f"could not move {str(self.path)!r} away: {error}") from error
