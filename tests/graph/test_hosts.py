"""Two Docker hosts, one of them out of reach: an alert is not taken for its namesake's."""

import pytest

from nightshift.testing import firing
from tests.graph.driving import Service


@pytest.mark.parametrize("labels", [{"docker_host": "nas"}, {"host": "nas"}, {}])
@pytest.mark.parametrize("local_crashed", [True, False])
async def test_a_silent_hosts_container_is_not_the_local_one(
    service: Service, labels: dict[str, str], local_crashed: bool
) -> None:
    """Neither started in its stead nor called well for its sake: a person hears of it."""
    service.world.limit(addresses={"local": ["local"], "nas": ["nas"]})
    service.world.containers.unreachable["nas"] = "no route to host"
    if local_crashed:
        service.world.containers.crash("web")
    incident = await service.end(await service.alert(firing(name="web", **labels)))

    assert service.verbs() == []
    assert incident.outcome == "escalated"
    assert "Docker out of reach on nas: no route to host" in incident.reason


async def test_a_host_that_nobody_configured_is_elsewhere(service: Service) -> None:
    """`docker_host` names a Docker that is not ours: its container is not here."""
    service.world.containers.crash("web")
    alert = firing(name="web", docker_host="attic")
    incident = await service.end(await service.alert(alert))

    assert service.verbs() == []
    assert "no Docker host answers to docker_host=attic" in incident.reason
