"""The real server, `nightshift serve`, as a process of the demo. Not here: what it watches."""

from collections.abc import Mapping

from domain.errors import Transient
from lab.agent import AGENTS, NIGHTSHIFT
from lab.processes import Processes, environment
from nightshift.demo.desk import Desk
from nightshift.demo.stage import wait_until

START_S = 30.0


async def serve(processes: Processes, port: int, settings: Mapping[str, str]) -> None:
    """Start `nightshift serve`, and wait until it is ready."""
    command = AGENTS[NIGHTSHIFT].command(port=port, data=processes.directory / "data")
    await processes.start(NIGHTSHIFT, command, env=environment(**settings))
    async with Desk(f"http://127.0.0.1:{port}") as desk:

        async def up() -> bool:
            if (code := processes.ended(NIGHTSHIFT)) is not None:
                words = processes.last_words(NIGHTSHIFT)
                raise Transient(f"the demo's server ended with {code}:\n{words}")
            return await desk.ready()

        await wait_until(up, "the demo's server did not become ready", seconds=START_S)
