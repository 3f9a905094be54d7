"""A model beside the rules: when it is asked, what it may change, and that it can be of no use."""

from typing import Any

import pytest

from domain.diagnosis import Diagnosis
from domain.errors import NightshiftError, OverBudget, Transient
from domain.incident import Episode, Recall
from domain.reasoning import Answer
from domain.state import IncidentState
from nightshift.testing import (
    FixedReasoner,
    FixedRulebook,
    World,
    container,
    dies,
    firing,
    match,
)
from nodes.analyse import analyse
from nodes.heal import heal
from nodes.monitor import monitor
from tests.nodes.steps import Begin, Run, Words, verified


def says(*remedies: str, **changes: Any) -> Answer:
    """An answer about a crash, with its proof."""
    known = {
        "cause": "crashed",
        "summary": "It crashed for no visible reason.",
        "evidence": ["container@1", "stop@1"],
        "remedies": list(remedies),
        "model": "test-model",
    }
    return Answer.model_validate({**known, **changes})


async def decided(world: World, begin: Begin, run: Run, *answers: Any) -> IncidentState:
    """`web` crashed, and the model answers like this: the state after analyse."""
    world.reasoner = FixedReasoner(*answers)
    world.containers.crash("web")
    return await run(await begin(), monitor, analyse)


def seen(state: IncidentState) -> tuple[str, list[str], str | None]:
    """Who decided, on which ladder, and the remedy chosen."""
    diagnosis = Diagnosis.parse(state["diagnosis"] or {})
    remedy: Any = state["remedy"] or {}
    return diagnosis.decided_by, list(diagnosis.ladder), remedy.get("name")


def asked(world: World) -> int:
    """How often the model was asked."""
    assert isinstance(world.reasoner, FixedReasoner)
    return len(world.reasoner.asked)


async def test_where_rules_decide_no_model_is_asked(world: World, begin: Begin, run: Run) -> None:
    """A runbook that matches costs nothing."""
    state = await decided(world, begin, run, says("restart"))

    assert asked(world) == 0
    assert seen(state) == ("runbook", ["start", "restart"], "start")


async def test_where_no_runbook_matches_the_model_decides(
    world: World, begin: Begin, run: Run, told: Words
) -> None:
    """Its choice is built by code, judged by policy and told with what it cites."""
    world.rulebook = FixedRulebook()
    state = await decided(world, begin, run, says("start", "escalate"))
    diagnosis = Diagnosis.parse(state["diagnosis"] or {})

    assert seen(state) == ("model", ["start"], "start")
    assert (state["decision"] or {})["kind"] == "allowed"
    assert diagnosis.evidence == ["alert@1", "container@1", "stop@1"]
    assert await told(state, "model") == [
        "test-model: crashed, start, escalate (cites container@1, stop@1)"
    ]


async def test_what_it_is_offered(world: World, begin: Begin, run: Run) -> None:
    """What code can build for this target as it is, but nothing of high risk."""
    world.rulebook = FixedRulebook()
    await decided(world, begin, run, says("start"))
    assert isinstance(world.reasoner, FixedReasoner)
    (question,) = world.reasoner.asked

    assert [one.name for one in question.remedies] == ["start", "raise_memory", "restart"]
    assert "restart_dependency" not in question.model_dump_json()
    assert {one.id for one in question.evidence} >= {"container@1", "stop@1", "alert@1"}
    assert "scene@1" not in {one.id for one in question.evidence}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (says("start_dependency"), "remedy start_dependency was not on offer"),
        (says("start", evidence=["container@9"]), "evidence container@9 was not on offer"),
        (says("start", evidence=["alert@1"]), "cannot prove that"),
        (says("start", cause="gremlins"), "cause gremlins was not on offer"),
        (says("start", probes=["shell"]), "probe shell was not on offer"),
        (Transient("the model did not answer within 15 s"), "did not answer within 15 s"),
        (OverBudget("the day's budget of $0.25 is spent"), "was not asked: the day's budget"),
    ],
)
async def test_an_answer_that_is_none_changes_nothing(
    world: World,
    begin: Begin,
    run: Run,
    told: Words,
    answer: Answer | NightshiftError,
    words: str,
) -> None:
    """The rules' answer stands, here: none. The reason is on record."""
    world.rulebook = FixedRulebook()
    state = await decided(world, begin, run, answer)
    (said,) = await told(state, "model")

    assert seen(state) == ("none", [], None)
    assert words in said
    assert said.endswith("; the rules decide")


async def test_it_may_look_first(world: World, begin: Begin, run: Run, told: Words) -> None:
    """What probes saw is evidence; then it is asked once more, and has to decide."""
    world.rulebook = FixedRulebook()
    first = says("start", probes=["timeline", "more_logs"])
    state = await decided(
        world, begin, run, first, says("start", evidence=["timeline@1", "stop@1"])
    )
    assert isinstance(world.reasoner, FixedReasoner)
    _, last = world.reasoner.asked

    assert last.final
    assert last.probes == []
    assert {"timeline@1", "stop@1"} <= {one.id for one in last.evidence}
    assert "timeline@1" in state["evidence"]
    assert seen(state) == ("model", ["start"], "start")
    kept = await world.store.evidence(state["incident"], ["timeline@1"])
    assert "die" in str(kept[0].data)


async def test_it_is_asked_twice_at_most(world: World, begin: Begin, run: Run) -> None:
    """Who asks for more probes instead of deciding is not heard."""
    world.rulebook = FixedRulebook()
    again = says("start", probes=["timeline"])
    state = await decided(world, begin, run, again, again)

    assert asked(world) == 2
    assert seen(state) == ("none", [], None)


async def test_never(world: World, begin: Begin, run: Run) -> None:
    """LLM_MODE=never is never."""
    world.limit(llm_mode="never")
    world.rulebook = FixedRulebook()
    await decided(world, begin, run, says("start"))

    assert asked(world) == 0


async def test_always_chooses_among_the_rules_rungs(world: World, begin: Begin, run: Run) -> None:
    """It can leave rungs out; cause and proof stay the rules'."""
    world.limit(llm_mode="always")
    state = await decided(world, begin, run, says("restart"))
    diagnosis = Diagnosis.parse(state["diagnosis"] or {})

    assert seen(state) == ("model", ["restart"], "restart")
    assert diagnosis.summary == "it is crashed"
    assert diagnosis.skipped == {"start": "the model left it out"}


@pytest.mark.parametrize("remedies", [("restart", "start"), ("escalate",), ("wait", "escalate")])
async def test_always_can_neither_reverse_nor_stop_the_rules(
    world: World, begin: Begin, run: Run, remedies: tuple[str, ...]
) -> None:
    """The order is held by code; a model that wants nothing does not keep rules from healing."""
    world.limit(llm_mode="always")
    state = await decided(world, begin, run, says(*remedies))

    assert asked(world) == 1
    assert seen(state) == ("runbook", ["start", "restart"], "start")


async def test_always_adds_nothing_to_a_runbook_that_wants_a_person(
    world: World, begin: Begin, run: Run
) -> None:
    """Hands off is a decision too: nothing is on offer."""
    world.limit(llm_mode="always")
    world.rulebook = FixedRulebook(match())
    state = await decided(world, begin, run, says("escalate"))
    assert isinstance(world.reasoner, FixedReasoner)

    assert world.reasoner.asked[0].remedies == []
    assert seen(state) == ("runbook", [], None)


async def test_a_runbook_that_wants_a_person_has_decided(
    world: World, begin: Begin, run: Run
) -> None:
    """In mode auto no model is asked over it."""
    world.rulebook = FixedRulebook(match())
    await decided(world, begin, run, says("restart"))

    assert asked(world) == 0


async def test_when_the_rules_are_at_their_end(world: World, begin: Begin, run: Run) -> None:
    """The runbook's only remedy did not heal: what is left is the model's choice."""
    world.rulebook = FixedRulebook(match("start", needs=("stop",)))
    world.containers.fate("web", dies)
    world.reasoner = FixedReasoner(says("raise_memory", evidence=["container@2", "stop@2"]))
    world.containers.crash("web")
    state = await run(await begin(), monitor, analyse, heal, verified, analyse)
    (question,) = world.reasoner.asked

    assert "start (tried in this incident)" in question.rules
    assert "start" not in {one.name for one in question.remedies}
    assert seen(state) == ("model", ["raise_memory"], "raise_memory")


async def test_without_a_target_nothing_is_asked(world: World, begin: Begin, run: Run) -> None:
    """Nobody could do anything about it."""
    world.rulebook = FixedRulebook()
    world.reasoner = FixedReasoner(says("start"))
    await run(await begin(firing(name="gone")), monitor, analyse)

    assert asked(world) == 0


async def test_policy_has_the_last_word(world: World, begin: Begin, run: Run) -> None:
    """What a person stopped is not started on a model's word."""
    world.rulebook = FixedRulebook()
    world.reasoner = FixedReasoner(says("start"))
    world.containers.stop("web")
    state = await run(await begin(), monitor, analyse)

    assert seen(state)[0] == "model"
    assert (state["decision"] or {})["rule"] == "human"


async def test_a_proof_of_one_source_is_not_enough(world: World, begin: Begin, run: Run) -> None:
    """An alert of our own and Docker are one voice, whoever diagnosed."""
    world.rulebook = FixedRulebook()
    world.reasoner = FixedReasoner(says("start"))
    world.containers.crash("web")
    own = firing().model_copy(update={"source": "check"})
    state = await run(await begin(own), monitor, analyse)

    assert (state["decision"] or {})["rule"] == "evidence"


async def test_it_hears_of_the_past(world: World, begin: Begin, run: Run) -> None:
    """What worked, and what did not, on incidents like this."""
    world.rulebook = FixedRulebook()
    world.reasoner = FixedReasoner(says("start"))
    world.containers.crash("web")
    state = await run(await begin(), monitor)
    old: dict[str, Any] = {
        "incident": "i0", "alert_name": "ContainerDown", "service": "web", "kind": "container",
        "cause": "crashed", "severity": "critical", "symptom": "", "root_cause": "",
        "remediation_taken": "restart", "outcome": "resolved", "healed_by": "restart",
        "failed": ["start"], "resolution_time": 1.0, "at": world.clock.now(),
    }  # fmt: skip
    history = Recall(exact=[Episode.model_validate(old)]).plain()
    await run({**state, "history": history}, analyse)

    assert world.reasoner.asked[0].past == [
        "ContainerDown: crashed; worked: restart; did not: start (likeness 1.00)"
    ]


async def test_no_secret_reaches_it(world: World, begin: Begin, run: Run) -> None:
    """From logs, labels and health checks: placeholders."""
    world.rulebook = FixedRulebook()
    world.containers.said["web"] = ["FATAL login postgres://app:hunter2@10.0.0.7/db refused"]
    world.reasoner = FixedReasoner(says("start"))
    world.containers.add(container("web", health="healthy", health_output="token=abc123secret"))
    world.containers.crash("web")
    await run(await begin(firing(name="web", api_key="k-77")), monitor, analyse)
    (question,) = world.reasoner.asked
    text = question.model_dump_json()

    assert not [
        secret for secret in ("hunter2", "10.0.0.7", "abc123secret", "k-77") if secret in text
    ]
    assert "postgres://***@" in text
