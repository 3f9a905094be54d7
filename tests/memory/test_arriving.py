"""memory/arriving.py."""

import asyncio
from collections.abc import Callable

import pytest

from memory.arriving import LATE_S, LONGEST_LULL_S, LULL_S, MOST_UNSORTED, Arriving, Row

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


class Hand:
    """A clock whose sleeps happen at once; each is followed by what the test says, if anything."""

    def __init__(self) -> None:
        self.at, self.slept = 100.0, 0
        self.then: Callable[[], object] = lambda: None

    def now(self) -> float:
        """Seconds."""
        return self.at

    async def sleep(self, seconds: float) -> None:
        """Time passes."""
        self.at += seconds
        self.slept += 1
        self.then()


def arriving_on(hand: Hand) -> Arriving:
    """One that goes by that clock."""
    return Arriving(monotonic=hand.now, sleep=hand.sleep)


async def test_where_nothing_came_nobody_waits() -> None:
    """Neither before the first delivery nor long after the last."""
    hand = Hand()
    arriving = arriving_on(hand)
    await arriving.lull(1.0)
    arriving.add(ROW)
    hand.at += LULL_S + LATE_S
    await arriving.lull(1.0)

    assert hand.slept == 0


async def test_what_comes_alone_delays_by_a_moment() -> None:
    """No other follows it: that was all."""
    hand = Hand()
    arriving = arriving_on(hand)
    arriving.add(ROW)
    await arriving.lull(1.0)

    assert hand.slept == 1


async def test_a_rush_is_waited_out_up_to_the_bound() -> None:
    """While deliveries follow each other it is no lull, but nobody waits for ever."""
    hand = Hand()
    arriving = arriving_on(hand)
    hand.then = lambda: arriving.add(ROW)
    arriving.add(ROW)
    began = hand.at
    await arriving.lull(0.2)

    assert 0.2 <= hand.at - began < 0.2 + 2 * LULL_S


@pytest.mark.parametrize(
    ("rush_s", "lull_s"), [(0.02, LULL_S), (0.2, 0.05), (60.0, LONGEST_LULL_S)]
)
async def test_after_a_rush_it_must_be_quiet_for_a_fourth_of_it(
    rush_s: float, lull_s: float
) -> None:
    """Its sender may only draw breath; whoever comes after the lull comes alone again."""
    hand = Hand()
    arriving = arriving_on(hand)
    began = hand.at
    arriving.add(ROW)
    while hand.at < began + rush_s:
        hand.at += LULL_S
        arriving.add(ROW)
    ended = hand.at
    await arriving.lull(1.0)
    waited = hand.at - ended
    hand.at += LONGEST_LULL_S
    arriving.add(ROW)
    alone = hand.at
    await arriving.lull(1.0)

    assert waited == pytest.approx(lull_s, abs=1.1 * LULL_S)
    assert hand.at - alone == pytest.approx(LULL_S)


async def test_who_needs_no_long_lull_waits_for_none() -> None:
    """The gap between two posts is enough to begin one piece of work."""
    hand = Hand()
    arriving = arriving_on(hand)
    arriving.add(ROW)
    for _ in range(400):
        hand.at += LULL_S
        arriving.add(ROW)
    ended = hand.at
    await arriving.lull(1.0, longest_s=LULL_S)

    assert hand.at - ended == pytest.approx(LULL_S)


async def test_a_loop_that_was_busy_has_seen_no_lull() -> None:
    """What came while it was busy may not have been read yet."""
    hand = Hand()
    arriving = arriving_on(hand)
    late = [2 * LULL_S]

    def busy() -> None:
        hand.at += late.pop() if late else 0.0

    hand.then = busy
    arriving.add(ROW)
    await arriving.lull(1.0)

    assert (late, hand.slept) == ([], 2)


async def test_behind_a_shut_door_there_is_no_rush() -> None:
    """Only sorting opens it: nobody is accepted while the sorter waits."""
    hand = Hand()
    arriving = arriving_on(hand)
    hand.then = lambda: arriving.add(ROW)
    arriving.came(MOST_UNSORTED)
    await arriving.lull(1.0)

    assert hand.slept == 0
