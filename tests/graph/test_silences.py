"""A silence in Alertmanager is a person at work: asked about, whenever it was set."""

from datetime import timedelta
from typing import Any

from domain.errors import Transient
from domain.silence import Matcher, Silence
from nightshift.testing import T0, FakeSilences, World
from tests.graph.driving import Service

ANNS = Silence(
    matchers=[Matcher(name="name", value="web")], by="ann", until=T0 + timedelta(hours=2)
)


async def asked(world: World, incident: str) -> bool:
    """Does it wait for a person's word?"""
    return await world.store.pending_approval(incident) is not None


async def test_a_silenced_alert_is_asked_about(service: Service) -> None:
    """Nothing is done to what somebody works on, and people read whose silence it is."""
    service.world.silences = FakeSilences(ANNS)
    service.world.containers.crash("web")
    incident = await service.alert()
    await service.work(until_s=60)

    assert service.verbs() == []
    assert await asked(service.world, incident)
    assert "ann silenced it until" in (await service.heard(incident, "policy"))[0]


async def test_another_alerts_silence_is_none(service: Service) -> None:
    """A silence covers what its matchers say."""
    other = ANNS.model_copy(update={"matchers": [Matcher(name="name", value="db")]})
    service.world.silences = FakeSilences(other)
    service.world.containers.crash("web")
    await service.end(await service.alert())

    assert service.verbs() == ["start web"]


async def test_silenced_between_decision_and_act(service: Service) -> None:
    """Looked up once more before the act: then a person is asked."""
    silences = service.world.silences = FakeSilences()
    service.world.containers.crash("web")
    incident = await service.alert()
    claim = service.world.store.claim

    async def claiming(who: str, keys: Any, **more: Any) -> Any:
        if await service.heard(incident, "diagnosis"):
            silences.silences = [ANNS]
        return await claim(who, keys, **more)

    service.world.store.claim = claiming  # type: ignore[assignment,method-assign]  # heal's first step
    await service.work(until_s=60)

    assert service.verbs() == []
    assert await asked(service.world, incident)


async def test_an_alertmanager_out_of_reach_is_told(service: Service) -> None:
    """Work goes on, and the story says what nobody could look up."""
    service.world.silences = FakeSilences()
    service.world.silences.error = Transient("Alertmanager cannot be reached")
    service.world.containers.crash("web")
    incident = await service.end(await service.alert())
    told = await service.heard(incident.id, "evidence")

    assert incident.outcome == "resolved"
    assert "blind: silences (Alertmanager cannot be reached)" in told[0]
    assert "nobody can say whether it is silenced" in told[-1]
