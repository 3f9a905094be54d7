"""The last word of what is not asked for its own sake."""

import pytest

from domain.errors import NightshiftError, OverBudget, Transient, Unanswered
from domain.notice import Message
from domain.reasoning import Answer, Question
from nightshift.heard import HeardNotifier, HeardReasoner
from nightshift.testing import FixedReasoner, StillClock

NEWS = Message(incident="i1", html="news", text="news", loud=False)


class Channel:
    """Raises these, one a delivery, then takes what it is given."""

    name = "list"

    def __init__(self, *refusals: NightshiftError) -> None:
        self.refusals = list(refusals)

    async def deliver(self, message: Message, previous: str | None) -> str:
        """The port's method."""
        if self.refusals:
            raise self.refusals.pop(0)
        return "1"


async def test_a_failure_is_kept_until_it_works_again() -> None:
    """With its time, for nobody asks in between."""
    channel = HeardNotifier(Channel(Transient("no network")), StillClock())
    before = await channel.last.say()
    with pytest.raises(Transient):
        await channel.deliver(NEWS, None)
    broken = await channel.last.say()
    await channel.deliver(NEWS, None)

    assert (before, await channel.last.say()) == ("ok", "ok")
    assert broken == "no network (at 2026-11-23 05:00:00 UTC)"


@pytest.mark.parametrize(
    ("refusals", "doubled"),
    [([], 0), ([Transient("refused")], 0), ([Unanswered("time-out")] * 2, 1)],
)
async def test_what_may_stand_twice_is_counted(
    refusals: list[NightshiftError], doubled: int
) -> None:
    """Only a send that follows one without an answer."""
    channel = HeardNotifier(Channel(*refusals), StillClock())
    for _ in refusals:
        with pytest.raises(Transient):
            await channel.deliver(NEWS, None)
    await channel.deliver(NEWS, None)
    await channel.deliver(NEWS, "1")

    assert channel.maybe_doubled == doubled


async def test_a_model_that_fails_is_known() -> None:
    """Without a call of its own: those are paid for."""
    answer = Answer(cause="crashed", summary="it crashed")
    model = HeardReasoner(FixedReasoner(OverBudget("the day is spent"), answer), StillClock())
    with pytest.raises(OverBudget):
        await model.diagnose(Question(incident="i1", evidence=[], remedies=[]))
    broken = await model.last.say()
    await model.diagnose(Question(incident="i1", evidence=[], remedies=[]))

    assert broken.startswith("the day is spent (at ")
    assert await model.last.say() == "ok"
