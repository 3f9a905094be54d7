from domain.facts import Inventory
from domain.guests import GuestInventory
from domain.limits import Limits
from nightshift.testing import container, firing
from policy.locate_host import Whereabouts, whereabouts

LIMITS = Limits(addresses={"local": ["local", "127.0.0.1"], "nas": ["nas", "192.168.1.5"]})


def where(silent: str = "", **labels: str) -> Whereabouts:
    """Where the container of an alert with these labels is; two hosts, one may be silent."""
    docker = Inventory(
        containers=[container("web")], unreachable={silent: "no route"} if silent else {}
    )
    return whereabouts(firing(**labels), docker, GuestInventory(), LIMITS)


def test_a_silent_host_that_is_named_is_where_it_is() -> None:
    """Nothing is looked for elsewhere."""
    found = where("nas", docker_host="nas")

    assert (found.hosts, found.silent, found.named) == ([], ["nas"], True)
    assert "does not answer" in found.doubt


def test_a_host_is_known_by_its_address() -> None:
    """As the exporter that speaks of it has it."""
    assert where(docker_host="192.168.1.5").hosts == ["nas"]


def test_a_host_that_nobody_configured_leaves_doubt() -> None:
    """Its container may be another's namesake."""
    assert "no Docker host answers to docker_host=attic" in where(docker_host="attic").doubt


def test_without_a_label_a_silent_host_leaves_doubt() -> None:
    """And with all of them in sight there is none."""
    assert "out of reach" in where("nas").doubt
    assert where().doubt == ""
