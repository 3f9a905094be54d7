"""A process that takes an incident from alert to end, and dies by kill -9 where it is told to.

Usage: crash_child.py DIRECTORY COMMIT before|after|never. It prints each step once it returned.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, event

from domain.decision import Allowed
from domain.incident import Event
from domain.journal import EffectResult
from memory.store import Store, open_store
from tests.stores import HandClock, alert, claimed, episode, intent


def die_at(store: Store, commit: int, when: str) -> None:
    """Kill this process at its n-th commit, just before or just after it."""
    left = [commit]

    def count(connection: object) -> None:
        left[0] -= 1
        if left[0] == 0 and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)

    def ended() -> None:
        if left[0] == 0 and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(store.database.writer, "commit", count)
    begin = store.database.writing.begin

    @contextmanager
    def transaction() -> Iterator[Connection]:
        with begin() as connection:
            yield connection
        ended()

    store.database.writing.begin = transaction  # type: ignore[method-assign]  # to see its end


async def live(store: Store, tell: Callable[[str], None]) -> None:
    """From alert to end; what is there already is taken up again."""
    (incident,) = await store.accept([alert()])
    tell("accepted")
    job = await store.take()
    tell("taken")
    promise = intent(incident, fence=await claimed(store, incident))
    tell("claimed")
    await store.reserve([promise], lambda _: Allowed())
    tell("reserved")
    if (await store.entries(incident, 1))[0].result is None:
        now = datetime(2026, 3, 1, tzinfo=UTC)
        result = EffectResult(result="done", detail="", at=now)
        did = Event(kind="effect", at=now, text="restarted")
        await store.conclude(promise.key, result, event=did)
    tell("concluded")
    await store.finish(incident, "resolved", "healed", episode(incident))
    tell("finished")
    if job is not None:
        await store.done(job)
    tell("done")


def say(step: str) -> None:
    """Tell the parent, at once."""
    sys.stdout.write(f"{step}\n")
    sys.stdout.flush()


async def main(folder: Path, commit: int, when: str) -> None:
    """Open, set the trap, live."""
    async with open_store(folder, clock=HandClock(), channels=("console",)) as store:
        die_at(store, commit, when)
        await live(store, say)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
