"""One core for all threads."""

import os
import threading
from pathlib import Path

import pytest

from nightshift.affinity import stay_on_this_core

CORES = os.sched_getaffinity(0)


def in_a_thread() -> tuple[int | None, set[int], set[int]]:
    """What it says in a thread of its own, and where that thread and one that it starts may run.

    The thread that runs the tests keeps its cores.
    """
    found: list[int | None] = []
    allowed: list[set[int]] = []

    def child() -> None:
        allowed.append(os.sched_getaffinity(0))

    def parent() -> None:
        found.append(stay_on_this_core())
        child()
        grandchild = threading.Thread(target=child)
        grandchild.start()
        grandchild.join()

    thread = threading.Thread(target=parent)
    thread.start()
    thread.join()
    return found[0], allowed[0], allowed[1]


@pytest.mark.skipif(len(CORES) < 2, reason="this process may use one core only")
def test_threads_inherit_the_core() -> None:
    """One of those that were allowed, for whatever is started from there on."""
    core, own, inherited = in_a_thread()

    assert core in CORES
    assert (own, inherited) == ({core}, {core})
    assert os.sched_getaffinity(0) == CORES


def test_where_it_cannot_be_asked_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container without /proc, a kernel that refuses, another system."""

    def refuses(*_: object, **__: object) -> str:
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", refuses)
    core, own, _ = in_a_thread()

    assert (core, own) == (None, CORES)


def test_a_single_core_is_left_alone() -> None:
    """There is nothing to choose."""
    found: list[int | None] = []

    def confined() -> None:
        os.sched_setaffinity(0, {min(CORES)})
        found.append(stay_on_this_core())

    thread = threading.Thread(target=confined)
    thread.start()
    thread.join()

    assert found == [None]
