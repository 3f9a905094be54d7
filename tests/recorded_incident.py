"""An incident of the service with its checkpoints on disk. Not here: tests."""

from pathlib import Path

from nightshift.checkpoints import open_checkpoints
from nightshift.runs import Runs
from nightshift.testing import FixedRulebook, container, firing, match, open_world


async def crash_healed(folder: Path) -> str:
    """`till` crashed and was started again, and all of it is in this data directory."""
    async with open_world(folder, container("till")) as world:
        world.rulebook = FixedRulebook(match("start", needs=("stop",)))
        world.containers.crash("till")
        await world.watch()
        incident = await world.accept(firing(name="till"))
        async with open_checkpoints(folder / "checkpoints.db") as saver:
            await Runs(world.store, world.deps, saver).drive(incident)
    return incident
