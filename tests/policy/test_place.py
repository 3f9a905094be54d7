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


TWO = Limits(addresses={"local": ["local", "10.0.0.1"], "nas": ["nas", "nas.lan"]})
WEB_ON_NAS = container("web", host="nas")
BOTH = Inventory(containers=[WEB, WEB_ON_NAS])
NAS_SILENT = Inventory(containers=[WEB], unreachable={"nas": "no route"})


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"docker_host": "nas"}, "container:nas/web"),
        ({"host": "nas"}, "container:nas/web"),
        ({"node": "local"}, "container:local/web"),
        ({"host": "nas.lan"}, "container:nas/web"),
        ({"host": "10.0.0.1"}, "container:local/web"),
        ({"host": "monitoring", "node": "nas"}, "container:nas/web"),
        ({"docker_host": "local", "host": "nas"}, "container:local/web"),
        ({"host": "pve1"}, "container:local/web"),
    ],
)
def test_the_host_label_decides_between_two(labels: dict[str, str], expected: str) -> None:
    """A name or address of a host, or of what it runs on, leaves only its containers."""
    limits = TWO.model_copy(update={"docker_guests": {"local": "lxc/101"}})
    found = place(firing(name="web", **labels), BOTH, cluster(guest("box")), limits)

    assert key(found) == expected


@pytest.mark.parametrize(
    ("docker", "labels", "why"),
    [
        (NAS_SILENT, {"docker_host": "nas"}, "names Docker host nas, which does not answer"),
        (NAS_SILENT, {"host": "nas"}, "names Docker host nas, which does not answer"),
        (NAS_SILENT, {"node": "nas.lan"}, "names Docker host nas, which does not answer"),
        (NAS_SILENT, {}, "nas, out of reach, may have one of that name"),
        (HERE, {"docker_host": "attic"}, "no Docker host answers to docker_host=attic"),
        (HERE, {"host": "attic"}, "no Docker host answers to host=attic"),
    ],
)
def test_a_namesake_on_another_host_is_another_container(
    docker: Inventory, labels: dict[str, str], why: str
) -> None:
    """An alert about a host that is silent or unknown, or perhaps about one, is nobody's here."""
    found = place(firing(name="web", **labels), docker, cluster(guest("web")), TWO)

    assert isinstance(found, NotLocated)
    assert why in found.why


def test_with_one_docker_an_unknown_host_label_says_nothing() -> None:
    """`host` and `node` often name the exporter's machine; `docker_host` is our own word."""
    one = Limits(addresses={"local": ["local"]})

    assert key(place(firing(name="web", host="monitoring"), HERE, cluster(), one)) == WEB.target.key
    assert key(place(firing(name="web", docker_host="nas"), HERE, cluster(), one)) is None


def test_a_full_id_has_no_namesake() -> None:
    """Whatever host is blind, the container with that id is the one."""
    found = place(firing(container_id=WEB.target.id), NAS_SILENT, cluster(), TWO)

    assert key(found) == WEB.target.key


def test_a_guest_is_found_by_its_host_label_though_its_docker_is_silent() -> None:
    """An alert that names no container is about the machine."""
    nas = guest("nas", uptime_s=9000.0)

    assert key(place(firing(host="nas"), NAS_SILENT, cluster(nas), TWO)) == nas.target.key
