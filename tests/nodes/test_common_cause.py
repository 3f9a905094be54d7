from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from domain.incident import Event, Incident
from domain.journal import Claimed, HeldBy
from domain.plain import Plain
from nightshift.testing import World, container, firing
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


async def test_a_silent_host_that_is_told_of_meanwhile(
    world: World, begin: Begin, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose turn comes as the other ends is part of it, and does not look again."""
    world.containers.unreachable["cellar"] = "connection refused"
    first = await run(await begin(firing(name="a", docker_host="cellar")), monitor)
    told = world.store.told

    async def told_just_before_the_end(key: str) -> Incident | None:
        found = await told(key)
        await world.store.finish(first["incident"], "escalated", "silent", None)
        return found

    monkeypatch.setattr(world.store, "told", told_just_before_the_end)
    second = await run(await begin(firing(name="b", docker_host="cellar")), monitor)

    assert (second["parent"], second["outcome"]) == (first["incident"], "folded")


async def test_what_is_told_of_just_before_our_turn(
    world: World, begin: Begin, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another incident that began and ended while we looked has said it."""
    world.containers.crash("web")
    first, second = await begin(), await begin(firing("Slow", name="web"))
    claim = world.store.claim

    async def after_the_other(incident: str, keys: Sequence[str], **more: Any) -> Claimed | HeldBy:
        monkeypatch.setattr(world.store, "claim", claim)
        await run(first, monitor)
        world.clock.advance(1)
        await world.store.finish(first["incident"], "escalated", "nothing helps", None)
        return await claim(incident, keys, **more)

    monkeypatch.setattr(world.store, "claim", after_the_other)
    second = await run(second, monitor)

    assert (second["parent"], second["outcome"]) == (first["incident"], "folded")


async def test_what_was_seen_before_others_were_done_is_old(
    world: World, begin: Begin, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other's work ended between the survey and our turn: the next look shows what it did."""
    world.containers.crash("web")
    first = await run(await begin(), monitor)
    holders = world.store.holders

    async def once_the_other_is_done(keys: Sequence[str]) -> dict[str, str]:
        world.clock.advance(1)
        await world.store.finish(first["incident"], "resolved", "it runs", None)
        return await holders(keys)

    monkeypatch.setattr(world.store, "holders", once_the_other_is_done)
    second = await run(await begin(firing("Slow", name="web")), monitor)

    assert second["wake_at"] == (world.clock.now() + timedelta(seconds=1)).isoformat()
    assert "fence" not in second


async def test_a_health_check_has_to_be_run_again(world: World, begin: Begin, run: Run) -> None:
    """What stands on something just healed is not touched for what its last check said."""
    world.containers.add(container("shop", depends_on=["web"], health_every_s=30.0))
    world.containers.crash("web")
    first = await run(await begin(), monitor)
    world.clock.advance(10)
    world.containers.change("web", status="running", health="healthy")
    world.containers.change("shop", status="running", health="unhealthy")
    await world.store.finish(first["incident"], "resolved", "web runs", None)
    early = await run(await begin(firing(name="shop")), monitor)
    world.clock.advance(31)
    later = await run(early, monitor)

    assert early["wake_at"]
    assert later["fence"]


async def test_ends_that_healed_nothing_put_nobody_off(
    world: World, begin: Begin, run: Run
) -> None:
    """What it stands on gets alerts that are over when they are looked at."""
    world.containers.add(container("shop", depends_on=["web"], health_every_s=30.0))
    world.containers.change("shop", status="running", health="unhealthy")
    first = await run(await begin(), monitor)
    await world.store.finish(first["incident"], "self_resolved", "web runs", None)

    assert (await run(await begin(firing(name="shop")), monitor))["fence"]


async def test_who_claims_and_is_part_of_its_parent_stays_its_child(
    world: World, begin: Begin, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the second sight shows the trouble that people know of: nothing stays claimed."""
    world.containers.crash("web")
    first = await run(await begin(), monitor)
    second = await run(await begin(firing("Slow", name="web")), monitor)
    world.clock.advance(1)
    await world.store.finish(first["incident"], "escalated", "nothing helps", None)
    told, asked = world.store.told, []

    async def only_later(key: str) -> Incident | None:
        asked.append(key)
        return await told(key) if len(asked) > 1 else None

    monkeypatch.setattr(world.store, "told", only_later)
    second = await run(second, monitor)
    row = await world.store.incident(second["incident"])

    assert (second["outcome"], row.parent) == ("folded", first["incident"])
    assert await world.store.holders([row.target.key if row.target else ""]) == {}


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
