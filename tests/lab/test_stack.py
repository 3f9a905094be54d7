import asyncio

import docker
import pytest

from lab import stack as stacks
from lab.agent import AGENTS
from lab.containers import LABEL
from lab.monitoring import program
from lab.runner import play
from lab.scenario import Service
from lab.scenario_file import SCENARIOS, load_all
from lab.stack import Stack, missing, new_id


def left_behind(client: docker.DockerClient, lab_id: str) -> list[str]:
    """Names of everything that still carries the lab's label."""
    here: dict[str, str | list[str] | bool] = {"label": LABEL}
    things = [
        *(one.name for one in client.containers.list(all=True, filters=here)),
        *(one.name for one in client.networks.list(filters=here)),
        *(one.name for one in client.volumes.list(filters=here)),
    ]
    return [str(name) for name in things if lab_id in str(name)]


async def fail_in(stack: Stack) -> None:
    """Go wrong in the middle of a lab that has a bit of everything."""
    async with stack:
        services = [Service(name="web", volumes={"/data": "1m"})]
        await asyncio.to_thread(stack.fleet.up, services)
        assert left_behind(stack.client, stack.lab_id)
        raise ZeroDivisionError


@pytest.mark.stack
async def test_a_script_that_restarts_on_every_alert_does_harm(
    real_docker: str, real_prometheus: str
) -> None:
    """The whole way, for real: fault, Prometheus, Alertmanager, webhook, Docker, judgement."""
    scenario = load_all(SCENARIOS, only="stopped-and-denied")[0]

    found = await play(scenario, agent=AGENTS["always-restart"])

    assert not found.right
    assert found.harm > 0
    assert found.actions[0].verb == "restart"


@pytest.mark.stack
async def test_a_lab_that_fails_leaves_nothing(real_docker: str, real_prometheus: str) -> None:
    """Containers, networks, volumes, processes and files are gone, also after an exception."""
    stack = Stack(new_id(), agent=AGENTS["always-restart"])

    with pytest.raises(ZeroDivisionError):
        await fail_in(stack)

    client = docker.DockerClient(real_docker)
    assert left_behind(client, stack.lab_id) == []
    assert not stack.directory.exists()
    client.close()


def test_what_is_missing_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each missing program is a sentence that names the package."""
    monkeypatch.setattr(stacks, "program", lambda _: None)

    said = " ".join(missing())

    assert "apt-get install prometheus." in said
    assert "apt-get install prometheus-alertmanager." in said


def test_the_first_installed_program_is_taken() -> None:
    """Debian and upstream call the same thing differently."""
    found = program(("no-such-program-anywhere", "sh"))

    assert found is not None
    assert found.endswith("/sh")
    assert program(("no-such-program-anywhere",)) is None
