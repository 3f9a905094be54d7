"""memory/changes.py."""

import asyncio

from memory.changes import Changes


async def test_a_change_before_the_wait_is_not_missed() -> None:
    """Count, look, wait: what happened while looking ends the wait at once."""
    changes = Changes()
    seen = changes.count
    changes.notify()

    assert await changes.wait(seen, 60) == seen + 1


async def test_everyone_who_waits_goes_on() -> None:
    """One change wakes all waiters."""
    changes = Changes()
    waiting = [asyncio.create_task(changes.wait(None, 60)) for _ in range(3)]
    await asyncio.sleep(0)
    changes.notify()

    assert await asyncio.gather(*waiting) == [1, 1, 1]


async def test_no_change_ends_with_the_time() -> None:
    """The wait is bounded."""
    assert await Changes().wait(None, 0.001) == 0
