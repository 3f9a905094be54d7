from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.facts import ContainerFacts, Network
from domain.incident import Episode
from domain.limits import Limits
from domain.remedy import LADDER, Precondition, RemedyName
from nightshift.testing import T0, container
from policy.ladder import Ladder, Scene, Track, build, track

MIB = 1024**2
UNKNOWN = Track(healed={}, failed={})
DOWN = container("web", status="exited", exit_code=1)
SICK_DB = container("db", health="unhealthy")

TWO = [container("db"), container("cache")]


def scene(facts: ContainerFacts, **changes: Any) -> Scene:
    """That container, alone unless told otherwise."""
    return Scene.model_validate({"facts": facts, "dependencies": [], "dependents": [], **changes})


def climb(
    candidates: list[RemedyName],
    at: Scene | None = None,
    *,
    record: Track = UNKNOWN,
    tried: tuple[str, ...] = (),
    **limits: Any,
) -> Ladder:
    """The ladder for these candidates."""
    here = at or scene(DOWN)
    return build(candidates, here, record, tried=list(tried), limits=Limits(**limits))


def names(ladder: Ladder) -> list[str]:
    """The rungs' names."""
    return [rung.name for rung in ladder.rungs]


def does(name: RemedyName, at: Scene, **limits: Any) -> list[str]:
    """What that rung would change, as `verb name`."""
    ladder = climb([name], at, **limits)
    effects = [effect for rung in ladder.rungs for effect in rung.effects]
    return [f"{effect.verb} {effect.target.name}" for effect in effects]


EVERYTHING = scene(
    container("web", status="running", health="unhealthy"),
    dependencies=[SICK_DB, container("cache", status="exited")],
    dependents=[container("shop", health="unhealthy")],
    last_healthy=container("web", networks=[Network(name="shop_default"), Network(name="back")]),
)


@given(st.lists(st.sampled_from(LADDER)), st.sampled_from([EVERYTHING, scene(DOWN)]))
def test_order_is_never_the_callers(candidates: list[RemedyName], at: Scene) -> None:
    """Whatever order a runbook or a model names, rungs come least disruptive first, once each."""
    found = names(climb(candidates, at))

    assert found == sorted(set(found), key=lambda name: LADDER.index(name))


@given(st.lists(st.sampled_from(LADDER)))
def test_every_candidate_is_a_rung_or_explained(candidates: list[RemedyName]) -> None:
    """No candidate vanishes without a reason."""
    ladder = climb(candidates, EVERYTHING)

    assert {*names(ladder), *ladder.skipped} == set(candidates)


def test_proven_ones_come_first() -> None:
    """What verifiably healed this pattern is tried before gentler, unproven rungs."""
    proven = Track(healed={"restart": 1}, failed={})

    assert names(climb(["wait", "start", "restart"], record=proven)) == ["restart", "wait", "start"]


def test_proven_failures_are_skipped() -> None:
    """What verifiably failed on this pattern, and never healed it, is left out."""
    ladder = climb(["start", "restart"], record=Track(healed={}, failed={"start": 2}))

    assert names(ladder) == ["restart"]
    assert ladder.skipped == {"start": "did not work 2 time(s) before on this pattern"}


def test_one_success_outweighs_failures() -> None:
    """A remedy that failed and also healed is not skipped."""
    mixed = Track(healed={"start": 1}, failed={"start": 5})

    assert names(climb(["start"], record=mixed)) == ["start"]


def test_nothing_is_tried_twice() -> None:
    """A remedy of this incident is not tried again, even a proven one."""
    ladder = climb(["start"], tried=("start",), record=Track(healed={"start": 9}, failed={}))

    assert ladder.skipped == {"start": "tried in this incident"}


@pytest.mark.parametrize(
    ("name", "at", "effects"),
    [
        ("wait", scene(DOWN), []),
        ("escalate", scene(DOWN), []),
        ("start", scene(DOWN), ["start web"]),
        ("start", scene(container("web", status="created")), ["start web"]),
        ("start", scene(container("web")), []),
        ("start", scene(container("web", status="paused")), []),
        ("unpause", scene(container("web", status="paused")), ["unpause web"]),
        ("unpause", scene(container("web")), []),
        ("restart", scene(container("web")), ["restart web"]),
        ("restart", scene(container("web", status="restarting")), ["restart web"]),
        ("restart", scene(container("web", status="paused")), []),
        ("reconnect_network", EVERYTHING, ["connect_network web"]),
        ("reconnect_network", scene(container("web")), []),
        ("raise_memory", scene(container("web")), ["update_memory web"]),
        ("raise_memory", scene(DOWN), ["update_memory web", "start web"]),
        ("raise_memory", scene(container("web", memory_limit=0)), []),
        ("start_dependency", EVERYTHING, ["start cache"]),
        (
            "start_dependency",
            scene(DOWN, dependencies=[container("db", status="exited")]),
            ["start db", "start web"],
        ),
        ("start_dependency", scene(DOWN, dependencies=[SICK_DB]), []),
        ("start_dependency", scene(DOWN, dependencies=[container("db", status="created")]), []),
        (
            "start_dependency",
            scene(DOWN, dependencies=[container("job", status="exited", restart_policy="no")]),
            [],
        ),
        ("restart_dependency", EVERYTHING, ["restart db"]),
        (
            "restart_dependency",
            scene(DOWN, dependencies=[container("db", health="healthy")]),
            [],
        ),
        ("restart_dependency", scene(DOWN, dependencies=[container("db")]), ["restart db"]),
        ("restart_dependency", scene(DOWN, dependencies=TWO), []),
        ("restart_dependency", scene(DOWN, dependencies=TWO, named=["db"]), ["restart db"]),
        ("restart_dependents", EVERYTHING, ["restart shop"]),
        ("restart_dependents", scene(DOWN, dependents=[container("shop")]), []),
    ],
)
def test_what_each_remedy_changes(name: RemedyName, at: Scene, effects: list[str]) -> None:
    """Exact effects on exact targets, in order; a rung that would change nothing is no rung."""
    assert does(name, at) == effects


def test_reconnects_with_its_own_aliases() -> None:
    """A lost network is attached again with the names it had there."""
    known = Network(name="back", aliases=["web", "www"], ip="172.18.0.9")
    at = scene(container("web"), last_healthy=container("web", networks=[known]))

    (rung,) = climb(["reconnect_network"], at).rungs

    assert rung.effects[0].network == known


@pytest.mark.parametrize(
    ("limit", "cap", "raised"),
    [
        (64, 4096, 128),
        (8, 4096, 24),
        (64, 100, 100),
        (64, 64, None),
        (128, 100, None),
        (0, 4096, None),
    ],
)
def test_memory_is_raised_to_the_cap_and_never_lowered(
    limit: int, cap: int, raised: int | None
) -> None:
    """Twice the limit, at least 16 MiB more, at most the cap; without a limit nothing (MiB)."""
    at = scene(container("web", memory_limit=limit * MIB))
    rungs = climb(["raise_memory"], at, memory_cap=cap * MIB).rungs

    assert [rung.effects[0].memory_bytes for rung in rungs] == ([raised * MIB] if raised else [])


def test_raising_memory_tells_the_compose_line() -> None:
    """Else the next `up` undoes it."""
    (rung,) = climb(["raise_memory"], scene(DOWN)).rungs

    assert "mem_limit: 128m" in rung.advice
    assert "'web'" in rung.advice


@given(st.sampled_from(LADDER))
def test_effects_are_bound_to_the_facts_seen(name: RemedyName) -> None:
    """Each effect carries the stable facts of its own target, as they were seen."""
    everyone = [EVERYTHING.facts, *EVERYTHING.dependencies, *EVERYTHING.dependents]
    seen = {one.target.id: Precondition.of(one) for one in everyone}
    effects = [effect for rung in climb([name], EVERYTHING).rungs for effect in rung.effects]

    assert all(effect.precondition == seen[effect.target.id] for effect in effects)


def episode(
    cause: str, *, healed: RemedyName | None = None, failed: tuple[str, ...] = ()
) -> Episode:
    """A finished incident of that cause."""
    return Episode.model_validate(
        {
            "incident": "i", "alert_name": "ContainerDown", "service": "web", "kind": "container",
            "cause": cause, "severity": "critical", "symptom": "", "root_cause": "",
            "remediation_taken": "", "outcome": "resolved", "healed_by": healed,
            "failed": list(failed), "resolution_time": 1.0, "at": T0 - timedelta(days=1),
        }
    )  # fmt: skip


def test_track_counts_only_this_cause() -> None:
    """Results under another cause say nothing about this one."""
    past = [
        episode("crashed", healed="start"),
        episode("crashed", healed="start", failed=("restart",)),
        episode("hung", failed=("start",)),
        episode("crashed"),
    ]

    assert track(past, cause="crashed") == Track(healed={"start": 2}, failed={"restart": 1})
