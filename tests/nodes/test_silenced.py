from datetime import timedelta

from domain.errors import Transient
from domain.silence import Matcher, Silence
from nightshift.testing import T0, FakeSilences, World, firing
from nodes.silenced import silenced_meanwhile
from tests.nodes.steps import Begin

ANNS = Silence(
    matchers=[Matcher(name="name", value="web")], by="ann", until=T0 + timedelta(hours=2)
)


async def test_without_alertmanager_nobody_is_asked(world: World, begin: Begin) -> None:
    """No address, no silence."""
    state = await begin()

    assert await silenced_meanwhile(world.deps, state["incident"], firing()) == ""


async def test_a_silence_of_by_now_is_told(world: World, begin: Begin) -> None:
    """With whose it is."""
    world.silences = FakeSilences(ANNS)
    state = await begin()

    assert (await silenced_meanwhile(world.deps, state["incident"], firing())).startswith("ann")


async def test_an_alertmanager_that_is_down_hinders_nobody(world: World, begin: Begin) -> None:
    """The story says that nobody could tell."""
    world.silences = FakeSilences(ANNS)
    world.silences.error = Transient("refused")
    state = await begin()
    said = await silenced_meanwhile(world.deps, state["incident"], firing())
    events = await world.store.timeline(state["incident"])

    assert said == ""
    assert "nobody can say whether it is silenced: refused" in events[-1].text
