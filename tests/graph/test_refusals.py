"""What follows when policy says no to a rung."""

import pytest

from nightshift.testing import FixedRulebook, container, firing, match, stays_unhealthy
from tests.graph.driving import Service


@pytest.fixture
def hung(service: Service) -> Service:
    """`web` fails its health check; the runbook says restart, else restart what it needs."""
    service.world.rulebook = FixedRulebook(match("restart", "restart_dependency", cause="hung"))
    service.world.containers.change("web", health="unhealthy")
    service.world.containers.fate("web", stays_unhealthy)
    return service


async def test_the_neighbours_do_not_answer_for_a_protected_patient(hung: Service) -> None:
    """A patient that may not be touched is no reason to touch what it stands on."""
    hung.world.limit(protected=["web"])
    incident = await hung.end(await hung.alert())

    assert hung.verbs() == []
    assert incident.outcome == "escalated"
    assert "web is protected" in incident.reason


async def test_every_refusal_is_on_record(hung: Service) -> None:
    """Also that of a rung whose successor passes: in the story and in the statistics."""
    hung.world.limit(cooldown_failures=1, cooldown_s=3000)
    await hung.end(await hung.alert(firing("First", name="web")))
    hung.world.clock.advance(1200)
    later = firing("Second", name="web").model_copy(update={"starts_at": hung.world.clock.now()})
    incident = await hung.end(await hung.alert(later))
    stats = await hung.world.store.stats()

    assert (await hung.heard(incident.id, "policy"))[0].startswith("restart: refused")
    assert stats.refused["cooldown"] >= 1


async def test_of_several_dependencies_only_a_suspect_is_restarted(hung: Service) -> None:
    """One without a health check is not restarted on the off-chance; one that is named is."""
    hung.world.containers.add(container("cache"))
    hung.world.containers.change("web", depends_on=["db", "cache"])
    hung.world.containers.said["web"] = ["cannot reach cache:6379"]
    await hung.end(await hung.alert())

    assert hung.verbs() == ["restart web", "restart cache"]


async def test_of_several_dependencies_none_is_guessed(hung: Service) -> None:
    """Nothing points to any of them: none is touched, and a person is called."""
    hung.world.containers.add(container("cache"))
    hung.world.containers.change("web", depends_on=["db", "cache"])
    incident = await hung.end(await hung.alert())

    assert hung.verbs() == ["restart web"]
    assert "every remedy was tried or is known to fail" in incident.reason
