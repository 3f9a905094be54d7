"""How a process that runs for months treats its memory. Not here: what is kept in it."""

import ctypes
import gc
from contextlib import suppress

M_ARENA_MAX = -8
"""glibc's name for the number of heaps (malloc.h)."""
YOUNG, MIDDLE, OLD = 10_000, 20, 20
"""When the collector looks (`gc.set_threshold`); Python's own 700 made it 4 % of an incident."""


def share_arenas() -> None:
    """Let glibc's threads share two heaps: with one each, an idle process grew from 139 MiB to 150.

    Resident, within 21 min and without one alert; no Python object stayed.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)


def settle() -> None:
    """Call it when all is opened: what stands now stays, and the collector need not walk it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
