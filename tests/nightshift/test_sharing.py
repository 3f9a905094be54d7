import asyncio
from datetime import timedelta

import pytest

from domain.errors import Transient
from domain.facts import Inventory
from domain.guests import GuestInventory
from domain.ports import Survey, Surveys
from nightshift.sharing import OLDEST, SharedSurveys
from nightshift.testing import StillClock


class Looks:
    """Surveys that take until they are let go."""

    def __init__(self, clock: StillClock) -> None:
        self.clock, self.taken = clock, 0
        self.began, self.go = asyncio.Event(), asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> Survey:
        """Begin now, end when let go."""
        self.taken += 1
        self.began.set()
        at = self.clock.now()
        await self.go.wait()
        if self.error:
            raise self.error
        return Survey(docker=Inventory(containers=[]), cluster=GuestInventory(), at=at)


@pytest.fixture
def clock() -> StillClock:
    """Time that stands still."""
    return StillClock()


@pytest.fixture
def looks(clock: StillClock) -> Looks:
    """Counted looks."""
    return Looks(clock)


async def test_many_share_one_look(clock: StillClock, looks: Looks) -> None:
    """A hundred who ask at once cause one survey."""
    shared = SharedSurveys(looks, clock)
    asked = [asyncio.create_task(shared.since(clock.now())) for _ in range(100)]
    await asyncio.sleep(0)
    looks.go.set()
    found = await asyncio.gather(*asked)

    assert isinstance(shared, Surveys)
    assert (looks.taken, len({id(one) for one in found})) == (1, 1)


async def test_nobody_gets_what_began_before_they_asked(clock: StillClock, looks: Looks) -> None:
    """Whoever comes while a look is under way shares the next one, not the present one."""
    shared = SharedSurveys(looks, clock)
    early = asyncio.create_task(shared.since(clock.now()))
    await looks.began.wait()
    clock.advance(1)
    late = [asyncio.create_task(shared.since(clock.now())) for _ in range(5)]
    await asyncio.sleep(0)
    looks.go.set()
    await early
    found = await asyncio.gather(*late)

    assert looks.taken == 2
    assert all(one.at >= clock.now() for one in found)


async def test_a_recent_look_answers_for_an_earlier_moment(clock: StillClock, looks: Looks) -> None:
    """An alert that waited in the queue rests on what was seen since it came."""
    looks.go.set()
    shared = SharedSurveys(looks, clock)
    came = clock.now()
    await shared.since(came)
    clock.advance(5)
    await shared.since(came)

    assert looks.taken == 1


async def test_an_old_look_answers_for_nothing(clock: StillClock, looks: Looks) -> None:
    """However long an alert waited, what it rests on is of the last seconds."""
    looks.go.set()
    shared = SharedSurveys(looks, clock)
    came = clock.now()
    await shared.since(came)
    clock.advance((OLDEST + timedelta(seconds=1)).total_seconds())
    await shared.since(came)

    assert looks.taken == 2


async def test_a_failed_look_is_not_kept(clock: StillClock, looks: Looks) -> None:
    """All who shared it hear of the failure; the next asks anew."""
    looks.error = Transient("connection reset")
    looks.go.set()
    shared = SharedSurveys(looks, clock)
    with pytest.raises(Transient):
        await shared.since(clock.now())
    looks.error = None

    assert (await shared.since(clock.now())).at == clock.now()
