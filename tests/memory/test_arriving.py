"""memory/arriving.py."""

import asyncio

from memory.arriving import MOST_UNSORTED, Arriving, Row

ROW: Row = ("default", 0, 1, "[]")


async def test_all_that_wait_are_one_group() -> None:
    """In the order in which they came, and each is told."""
    arriving = Arriving()
    told = [arriving.add(("default", number, 1, "[]")) for number in range(3)]
    group = await arriving.next()
    group.stored()

    assert [row[1] for row in group.rows] == [0, 1, 2]
    assert [one.result() for one in told] == [None] * 3
    assert (await arriving.next()).rows == []


async def test_a_failure_is_told_to_who_still_waits() -> None:
    """Who gave up hears nothing."""
    arriving = Arriving()
    gone, waiting = arriving.add(ROW), arriving.add(ROW)
    gone.cancel()
    (await arriving.next()).failed(ValueError("full"))

    assert isinstance(waiting.exception(), ValueError)


async def test_beyond_the_bound_they_wait_at_the_door() -> None:
    """What is written down and unsorted is bounded; sorting lets the next ones in."""
    arriving = Arriving()
    arriving.came(MOST_UNSORTED)
    arriving.add(ROW)
    task = asyncio.create_task(arriving.next())
    await asyncio.sleep(0)
    held = not task.done()
    arriving.went(1, more=True)

    assert held
    assert len((await task).rows) == 1


async def test_nothing_left_is_nothing_left() -> None:
    """Another process may have sorted what came in here."""
    arriving = Arriving()
    arriving.came(7)
    arriving.went(2, more=True)
    between = arriving.unsorted
    arriving.went(0, more=False)

    assert (between, arriving.unsorted) == (5, 0)


async def test_whoever_sorts_hears_of_it_once() -> None:
    """A wake-up is not lost when it comes first, and not heard twice."""
    arriving = Arriving()
    arriving.came(1)
    await arriving.wait(60)
    waiting = asyncio.create_task(arriving.wait(60))
    await asyncio.sleep(0)
    silent = not waiting.done()
    arriving.came(1)
    await waiting
    await arriving.wait(0)

    assert silent
