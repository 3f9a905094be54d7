"""The model down, slow and lying: the rules' answer stands, and the message says so.

What the client makes of servers that fail is held by tests/tools/test_llm.py, what counts as an
answer by tests/nodes/test_reason.py.
"""

import pytest

from domain.errors import NightshiftError, NoAnswer, OverBudget, Transient
from domain.reasoning import Answer
from nightshift.render import render
from nightshift.testing import FixedReasoner, FixedRulebook
from tests.graph.driving import Service

STRANGE = "a cause nobody gave"


async def told(service: Service, incident: str) -> str:
    """Its message."""
    row = await service.world.store.incident(incident)
    return render(row, await service.world.store.timeline(incident)).text


@pytest.mark.parametrize(
    "trouble",
    [
        Transient("the model cannot be reached"),
        Transient("the model took over 15 s"),
        NoAnswer("what it said is not JSON"),
        OverBudget("the day's budget is spent"),
    ],
    ids=["down", "slow", "garbage", "spent"],
)
async def test_no_answer(service: Service, trouble: NightshiftError) -> None:
    """Where the rules do not decide either, a person does; nothing is done."""
    service.world.rulebook = FixedRulebook()
    service.world.reasoner = FixedReasoner(trouble)
    service.world.containers.crash("web")
    row = await service.end(await service.alert())
    words = await told(service, row.id)

    assert (row.outcome, service.verbs()) == ("escalated", [])
    assert str(trouble) in words


@pytest.mark.parametrize(
    "answer",
    [
        Answer(cause="crashed", summary=STRANGE, evidence=["container@99"], remedies=["restart"]),
        Answer(cause="crashed", summary=STRANGE, evidence=[], remedies=["restart"]),
        Answer(cause="crashed", summary=STRANGE, evidence=["container@1"], remedies=["rm -rf /"]),
    ],
    ids=["invented proof", "no proof", "invented remedy"],
)
async def test_lies(service: Service, answer: Answer) -> None:
    """An answer that code cannot check is none: neither its remedy nor its words are used."""
    service.world.rulebook = FixedRulebook()
    service.world.reasoner = FixedReasoner(answer)
    service.world.containers.crash("web")
    row = await service.end(await service.alert())
    words = await told(service, row.id)

    assert (row.outcome, service.verbs()) == ("escalated", [])
    assert "is not used" in words


async def test_down_where_the_rules_decide(service: Service) -> None:
    """A crash is healed as ever: nobody waits for a model to be well."""
    service.world.reasoner = FixedReasoner(Transient("the model cannot be reached"))
    service.world.limit(llm_mode="always")
    service.world.containers.crash("web")
    row = await service.end(await service.alert())

    assert (row.outcome, service.verbs()) == ("resolved", ["start web"])
    assert "the model cannot be reached; the rules decide" in await told(service, row.id)
