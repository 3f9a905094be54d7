"""Calls in threads of their own."""

import asyncio
import gc
import threading
from collections.abc import Iterator
from functools import partial

import pytest

from memory.threads import Threads


@pytest.fixture
def one() -> Iterator[Threads]:
    """A single thread."""
    threads = Threads(1, "test")
    yield threads
    threads.shutdown()


async def test_results_and_errors_come_back(one: Threads) -> None:
    """To whoever asked, from a thread that is not theirs."""
    name = await one.call(lambda: threading.current_thread().name)
    with pytest.raises(ZeroDivisionError):
        await one.call(lambda: 1 // 0)

    assert name == "test_0"


async def test_calls_are_made_in_their_order(one: Threads) -> None:
    """One after the other."""
    made: list[int] = []
    await asyncio.gather(*(one.call(partial(made.append, n)) for n in range(50)))

    assert made == list(range(50))


async def test_who_has_gone_is_not_served(one: Threads) -> None:
    """A call that is cancelled before its turn is never made; one under way ends unheard."""
    go, made = threading.Event(), list[str]()
    under_way = one.call(partial(go.wait, 10))
    waiting = one.call(lambda: made.append("second"))
    under_way.cancel()
    waiting.cancel()
    go.set()
    await one.call(lambda: made.append("third"))

    assert made == ["third"]


async def test_what_is_made_always_is_made(one: Threads) -> None:
    """Also for who has gone: its error is nobody's then."""
    go, made, complaints = threading.Event(), list[str](), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, said: complaints.append(said))
    under_way = one.call(partial(go.wait, 10))
    gone = one.call(lambda: made.append("gone"), always=True)
    failing = one.call(lambda: 1 // 0, always=True)
    gone.cancel()
    failing.cancel()
    go.set()
    await under_way
    await one.call(lambda: made.append("third"))

    del gone, failing
    gc.collect()

    assert made == ["gone", "third"]
    assert complaints == []


async def test_the_end_waits_for_what_was_asked() -> None:
    """Nothing is left undone, and nothing hangs."""
    threads, made = Threads(2, "test"), list[int]()
    asked = [threads.call(lambda: made.append(1)) for _ in range(20)]
    await asyncio.to_thread(threads.shutdown)

    assert len(made) == 20
    await asyncio.gather(*asked)


async def test_after_the_end_nothing_is_taken() -> None:
    """It would wait for ever."""
    threads = Threads(1, "test")
    threads.shutdown()

    with pytest.raises(RuntimeError, match="ended"):
        threads.call(lambda: 1)


def test_a_loop_that_is_closed_hears_nothing(one: Threads) -> None:
    """The thread outlives it, and serves the next."""
    go = threading.Event()

    async def leave() -> None:
        one.call(lambda: go.wait(10))

    async def stay() -> int:
        return await one.call(lambda: 7)

    asyncio.run(leave())
    go.set()

    assert asyncio.run(stay()) == 7
