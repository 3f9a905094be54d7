from domain.incident import Event
from domain.plain import Plain
from nightshift.testing import World, firing
from nodes.monitor import monitor
from tests.nodes.steps import Begin, Run


async def test_what_is_in_hand_is_not_looked_into(world: World, begin: Begin, run: Run) -> None:
    """A second alert of a target that is held gathers no evidence at all."""
    world.containers.crash("web")
    await run(await begin(), monitor)
    second = await run(await begin(firing("Slow", name="web")), monitor)
    kinds = [event.kind for event in await world.store.timeline(second["incident"])]

    assert kinds == ["received", "folded"]


async def test_a_silent_host_has_one_incident(world: World, begin: Begin, run: Run) -> None:
    """All that names a Docker host that does not answer is one trouble, also after its end."""
    world.containers.unreachable["cellar"] = "connection refused"
    first = await run(await begin(firing(name="a", docker_host="cellar")), monitor)
    second = await run(await begin(firing(name="b", docker_host="cellar")), monitor)
    await world.store.finish(first["incident"], "escalated", "silent", None)
    third = await run(await begin(firing(name="c", docker_host="cellar")), monitor)

    assert second["parent"] == third["parent"] == first["incident"]
    assert third["outcome"] == "folded"


async def test_another_voice_is_heard(world: World, begin: Begin, run: Run) -> None:
    """What was refused for want of evidence is looked into again when the next alert comes."""
    world.containers.crash("web")
    first = await run(await begin(), monitor)
    refused: Plain = {"kind": "refused", "rule": "evidence", "reason": "one source"}
    said = Event(kind="policy", at=world.clock.now(), text="refused", data=refused)
    await world.store.record(first["incident"], said)
    world.clock.advance(5)
    await world.store.finish(first["incident"], "escalated", "one source", None)
    second = await run(await begin(firing("Slow", name="web")), monitor)

    assert second["fence"]
