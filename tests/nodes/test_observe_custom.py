from dataclasses import dataclass, field, replace

import pytest

from domain.deps import Deps
from domain.errors import Permanent
from domain.evidence import Evidence, situation
from domain.plain import Plain
from domain.tooling import Subject
from nightshift.testing import T0, World, container, firing, target
from nodes.observe import observe
from nodes.probes import Sight, on_offer, take


@dataclass(kw_only=True)
class Lamp:
    """A tool that answers, or raises, what a test wants, and remembers whom it was asked about."""

    kind: str = "custom_lamp"
    line: str = "whether the lamp is on"
    answer: Plain | Permanent = field(default_factory=lambda: Plain(on=True))
    asked: list[Subject] = field(default_factory=list)

    async def look(self, subject: Subject) -> Plain:
        """Answer."""
        self.asked.append(subject)
        if isinstance(self.answer, Permanent):
            raise self.answer
        return self.answer


async def seen(deps: Deps) -> list[Evidence]:
    """One round about `web`."""
    everyone = [container("web", labels={"port": "80"})]
    return await observe(
        deps, alert=firing(), target=everyone[0].target, everyone=everyone, round_=1, tried=[]
    )


async def test_an_own_tool_is_evidence(world: World) -> None:
    """It is asked about the target by its names and seen by conditions under its kind."""
    lamp = Lamp()
    found = await seen(replace(world.deps, tools=[lamp]))

    assert situation(found)["custom_lamp"] == {"on": True}
    assert [one.source for one in found if one.kind == lamp.kind] == ["custom"]
    assert (lamp.asked[0].target, lamp.asked[0].labels) == ("web", {"port": "80"})


@pytest.mark.parametrize(
    ("answer", "status"), [(Permanent("it is broken"), "error"), ({}, "no_data")]
)
async def test_a_tool_that_fails_harms_nothing(
    world: World, answer: Plain | Permanent, status: str
) -> None:
    """Its failure, or having nothing to say, is one observation among the others."""
    found = await seen(replace(world.deps, tools=[Lamp(answer=answer), Lamp(kind="custom_b")]))
    statuses = {one.kind: one.status for one in found}

    assert (statuses["custom_lamp"], statuses["custom_b"]) == (status, "ok")
    assert statuses["container"] == "ok"


async def test_a_model_may_have_it_asked_again(world: World) -> None:
    """It is on offer by id, and its second answer is evidence of its own."""
    deps = replace(world.deps, tools=[Lamp()])
    sight = Sight(deps=deps, target=target("web"), kinds={}, now=T0)
    (second,) = await take(sight, ["custom_lamp_again"], round_=1)

    assert "custom_lamp_again" in [one.name for one in on_offer(sight)]
    assert (second.id, second.data) == ("custom_lamp_again@1", {"on": True})
