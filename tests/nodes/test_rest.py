from dataclasses import replace

import pytest
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl

from nightshift.testing import World
from nodes.rest import SLICE_S, rest


async def test_it_waits_that_long(world: World) -> None:
    """In slices, to the second; nothing where there is nothing to wait for."""
    began = world.clock.now()
    await rest(world.runtime("one"), 2.5)
    await rest(world.runtime("one"), -1)

    assert (world.clock.now() - began).total_seconds() == 2.5
    assert max(world.clock.slept) <= SLICE_S


async def test_an_end_cuts_it_short(world: World) -> None:
    """Within a slice of being asked the node is left."""
    control = RunControl()
    world.clock.after(3, control.request_drain)
    with pytest.raises(GraphDrained):
        await rest(replace(world.runtime("one"), control=control), 60)

    assert sum(world.clock.slept) <= 3 + SLICE_S
