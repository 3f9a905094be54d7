"""A copy of the store that is whole, taken while the service works. Not here: what else to keep."""

import os
import sqlite3
from pathlib import Path

from domain.errors import Conflict, Transient


def copy_store(source: Path, to: Path) -> None:
    """Write one consistent state of the store to a new file, readable by this user alone.

    Raises Conflict (there is something at `to`), Transient (the disk, the source).
    """
    try:
        os.close(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise Conflict(f"{str(to)!r} is there already: a backup overwrites nothing") from None
    except OSError as error:
        raise Transient(f"no backup at {str(to)!r}: {error.strerror}") from error
    origin, copy = sqlite3.connect(f"file:{source}?mode=ro", uri=True), sqlite3.connect(to)
    try:
        origin.backup(copy)
    except sqlite3.Error as error:
        to.unlink()
        raise Transient(f"no backup at {str(to)!r}: {error}") from error
    finally:
        copy.close()
        origin.close()
