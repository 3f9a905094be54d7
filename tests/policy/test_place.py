from typing import Any

import pytest

from domain.facts import Inventory
from domain.guests import GuestInventory
from domain.limits import Limits
from domain.target import Found, Location, NotLocated
from nightshift.testing import container, firing, guest, node
from policy.place import booting, place

WEB = container("web", status="exited", exit_code=1)
TOLD = Limits(docker_guests={"local": "lxc/101"})
HERE = Inventory(containers=[WEB])
SILENT = Inventory(containers=[], unreachable={"local": "no route"})
DOWN = guest("nas", status="stopped")


def cluster(*guests: Any, **changes: Any) -> GuestInventory:
    """Node `pve1` with these guests."""
    return GuestInventory(nodes=[node("pve1", **changes)], guests=list(guests))


def key(location: Location) -> str | None:
    """What was found."""
    return location.target.key if isinstance(location, Found) else None


def test_a_container_comes_before_a_guest_of_its_name() -> None:
    """A bare name is what cAdvisor calls a container."""
    found = place(firing(name="web"), HERE, cluster(guest("web")), Limits())

    assert key(found) == "container:local/web"


def test_a_guest_label_is_never_a_container() -> None:
    """The exporter's id decides, whatever containers are called."""
    assert key(place(firing(id="lxc/101", name="web"), HERE, cluster(guest("web")), TOLD)) == (
        "lxc:pve1/101"
    )


@pytest.mark.parametrize(
    ("docker", "guests", "labels", "expected"),
    [
        (SILENT, cluster(DOWN), {"name": "web"}, "lxc:pve1/101"),
        (SILENT, cluster(DOWN), {"docker_host": "local"}, "lxc:pve1/101"),
        (SILENT, cluster(DOWN, online=False), {"name": "web"}, "node:pve1/pve1"),
        (SILENT, cluster(guest("nas")), {"name": "web"}, None),
        (SILENT, cluster(guest("nas", status="unknown")), {"name": "web"}, None),
        (SILENT, cluster(DOWN), {"job": "x"}, None),
        (SILENT, cluster(DOWN), {"name": "web", "docker_host": "two"}, None),
        (HERE, cluster(DOWN), {"name": "web"}, "lxc:pve1/101"),
        (HERE, cluster(DOWN), {"name": "gone"}, None),
        (HERE, cluster(guest("nas", status="unknown")), {"name": "web"}, "container:local/web"),
        (HERE, cluster(guest("mail", id="102"), online=False), {"id": "lxc/102"}, "node:pve1/pve1"),
    ],
)
def test_what_is_down_below_is_the_target(
    docker: Inventory, guests: GuestInventory, labels: dict[str, str], expected: str | None
) -> None:
    """A silent or stopped container on something that is known to be down, and nothing else."""
    assert key(place(firing(**labels), docker, guests, TOLD)) == expected


def test_a_docker_that_answers_is_believed_against_a_name() -> None:
    """A stopped guest that only shares the host's name carries nothing."""
    found = place(firing(name="web"), HERE, cluster(guest("local", status="stopped")), Limits())

    assert key(found) == "container:local/web"


def test_what_is_well_is_not_lowered() -> None:
    """A container that runs stands on something that runs."""
    here = Inventory(containers=[container("web")])

    assert key(place(firing(name="web"), here, cluster(DOWN), TOLD)) == "container:local/web"


def test_says_why_another_thing_is_the_target() -> None:
    """People read how one thing stands on the other."""
    found = place(firing(name="web"), SILENT, cluster(DOWN), TOLD)

    assert isinstance(found, Found)
    assert found.via == "Docker on local is out of reach, and nas (lxc/101 on pve1) is stopped"


def test_tells_all_labels_that_were_tried() -> None:
    """Containers' and guests' rules together, each label once."""
    found = place(firing(name="gone", vmid=""), HERE, cluster(), Limits())

    assert found == NotLocated(candidates=[], tried=["name=gone"])


@pytest.mark.parametrize(
    ("uptime_s", "soon"), [(20.0, True), (299.0, True), (301.0, False), (None, False)]
)
def test_docker_is_given_time_after_a_boot(uptime_s: float | None, soon: bool) -> None:
    """For five minutes a silent Docker on a young host may yet answer; not where none is told."""
    young = cluster(guest("nas", uptime_s=uptime_s))

    assert bool(booting(SILENT, young, TOLD)) is soon
    assert booting(SILENT, cluster(DOWN), TOLD) == ""
    assert booting(HERE, young, TOLD) == ""
