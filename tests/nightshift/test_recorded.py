"""Ports over a recording: the world as it was seen, and no way to change anything."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from domain.decision import Allowed
from domain.deps import Deps
from domain.errors import NotFound, Permanent
from domain.evidence import Evidence
from domain.facts import ContainerEvent
from domain.guests import GuestFacts, GuestInventory
from domain.incident import Incident
from domain.limits import Limits
from domain.plain import Plain
from domain.remedy import Effect, Precondition
from domain.target import Target
from nightshift.recorded import recorded_deps
from nightshift.recording import Recording
from nightshift.testing import T0, FixedRulebook, container, evidence, firing

DOWN = container("web", status="exited", exit_code=1)
LXC = GuestFacts(
    target=Target(kind="lxc", host="pve", id="101", name="nas", service="nas"),
    status="stopped",
    memory_limit=2**30,
)


def seen(kind: str, data: Plain, *, round_: int = 1) -> Evidence:
    """One observation, a minute a round after the start."""
    return evidence(kind, data=data, at=T0 + timedelta(minutes=round_), round_=round_)


def deps(*observed: Evidence, ids: tuple[str, ...] = (), **more: Any) -> Deps:
    """The ports over a recording of these observations."""
    incident = Incident(
        id="i", alert=firing(), occurrence=1, status="done", opened_at=T0, target=DOWN.target
    )
    recording = Recording(incident=incident, evidence=list(observed), **more)
    return recorded_deps(recording, rulebook=FixedRulebook(), limits=Limits(), ids=ids)


SCENE = seen("scene", {"facts": DOWN.plain(), "last_healthy": container("web").plain()})
EVERYONE = seen("inventory", {"containers": [container("web").plain(), container("db").plain()]})
LATER = seen("scene", {"facts": container("web").plain(), "last_healthy": None}, round_=2)


async def test_the_clock_stands_where_the_evidence_is() -> None:
    """Sleeping does not move it."""
    then = deps(SCENE, EVERYONE).clock
    await then.sleep(60)

    assert then.now() == T0 + timedelta(minutes=1)


async def test_the_world_is_the_first_round_unless_told() -> None:
    """A replay from a later node sees what that node saw."""
    first, last = deps(SCENE, EVERYONE, LATER), deps(SCENE, EVERYONE, LATER, ids=("scene@2",))

    assert (await first.containers.facts(DOWN.target)).status == "exited"
    assert (await last.containers.facts(DOWN.target)).status == "running"


async def test_what_was_not_seen_is_not_there() -> None:
    """No live source stands in for it."""
    with pytest.raises(NotFound, match="recorded"):
        await deps(EVERYONE).containers.facts(container("api").target)


async def test_the_cluster_is_as_it_was_seen() -> None:
    """The guest in question with all its facts, the others as listed."""
    scene, cluster = seen("guest_scene", {"facts": LXC.plain()}), GuestInventory(guests=[LXC])
    guests = deps(scene, seen("cluster", cluster.plain())).guests

    assert guests
    assert await guests.guest(LXC.target) == LXC
    assert (await guests.inventory()).guests == [LXC]


def acts(given: Deps) -> list[Callable[[], Awaitable[Any]]]:
    """Every way to change something."""
    effect = Effect(verb="start", target=DOWN.target, precondition=Precondition.of(DOWN))
    assert given.guests
    return [lambda: given.containers.perform(effect), lambda: given.guests.perform(effect)]  # type: ignore[union-attr]  # asserted above


@pytest.mark.parametrize("which", [0, 1])
async def test_no_port_acts(which: int) -> None:
    """Whoever asks."""
    given = deps(SCENE, seen("guest_scene", {"facts": LXC.plain()}))

    with pytest.raises(Permanent, match="no effects"):
        await acts(given)[which]()


async def test_no_intent_is_ever_granted() -> None:
    """Whatever the rules would say."""
    word = await deps(SCENE).ledger.reserve([], lambda _: Allowed())

    assert word.kind == "refused"


async def test_the_story_ends_where_the_evidence_is() -> None:
    """What happened to the target later is not known yet."""
    key, at = DOWN.target.key, T0 + timedelta(seconds=30)
    events = [
        ContainerEvent(target_key=key, container_id="c", action=action, at=when)
        for action, when in (("die", at), ("start", at + timedelta(hours=1)))
    ]
    ledger = deps(SCENE, story=events).ledger

    assert [one.action for one in await ledger.stop_story(key)] == ["die"]
    assert await ledger.last_healthy(key) == container("web")


async def test_what_a_run_writes_can_be_read_back() -> None:
    """Within the run, and nowhere else."""
    given = deps(SCENE)
    await given.ledger.keep_evidence("i", [seen("logs", {"lines": []}, round_=3)])
    await given.ledger.ask("i", digest="d", request={}, expires_at=T0)

    assert [one.id for one in await given.ledger.evidence("i", ["scene@1", "logs@3"])] == [
        "scene@1",
        "logs@3",
    ]
    assert await given.ledger.approval_expires("i", "d") == T0
