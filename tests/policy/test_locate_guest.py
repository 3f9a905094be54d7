import pytest

from domain.guests import GuestInventory
from domain.target import Found, NotLocated
from nightshift.testing import firing, guest, node
from policy.locate_guest import locate_guest, speaks_of_guests

NAS = guest("nas")
VM = guest("router", kind="vm", id="100")
TWIN = guest("nas", node="pve2", id="201")
CLUSTER = GuestInventory(nodes=[node("pve1"), node("pve2")], guests=[NAS, VM])
TWINS = CLUSTER.model_copy(update={"guests": [NAS, VM, TWIN]})


@pytest.mark.parametrize(
    ("labels", "path"),
    [
        ({"id": "lxc/101"}, "lxc/101"),
        ({"id": "qemu/100", "name": "router", "node": "pve1"}, "qemu/100"),
        ({"id": "node/pve1"}, "node/pve1"),
        ({"guest": "lxc/101"}, "lxc/101"),
        ({"name": "qemu/100"}, "qemu/100"),
        ({"instance": "lxc/101", "job": "pve"}, "lxc/101"),
        ({"guest": "nas", "instance": "lxc/101"}, "lxc/101"),
        ({"vmid": "101"}, "lxc/101"),
        ({"name": "nas"}, "lxc/101"),
        ({"guest": "router"}, "qemu/100"),
        ({"instance": "pve2:9100"}, "node/pve2"),
        ({"host": "pve1"}, "node/pve1"),
        ({"node": "pve1", "job": "node"}, "node/pve1"),
        ({"instance": "nas:9100"}, "lxc/101"),
        ({"instance": "http://nas:8080/health"}, "lxc/101"),
    ],
)
def test_finds_the_one_that_is_named(labels: dict[str, str], path: str) -> None:
    """By the exporter's own labels, exact names, and the host of a scrape target."""
    found = locate_guest(firing(**labels), CLUSTER)

    assert isinstance(found, Found)
    assert found.target.path == path


@pytest.mark.parametrize(
    "labels",
    [
        {"id": "lxc/10"},
        {"id": "lxc/1011"},
        {"id": "qemu/101"},
        {"id": "lxc/101", "name": "mail"},
        {"guest": "lxc/10"},
        {"name": "lxc/101", "vmid": "100"},
        {"instance": "lxc/101:9100"},
        {"guest": "router", "instance": "lxc/101"},
        {"vmid": "101", "guest": "router"},
        {"name": "na"},
        {"instance": "pve:9100"},
        {"instance": "pve1.lan:9100"},
        {"service": "nas", "instance": "pve1:9100"},
        {"vmid": "101", "node": "pve2"},
        {"name": "gone", "instance": "pve1:9100"},
    ],
)
def test_nothing_is_guessed(labels: dict[str, str]) -> None:
    """No prefix, no other kind, no name that disagrees, no host where a name led nowhere."""
    assert isinstance(locate_guest(firing(**labels), CLUSTER), NotLocated)


def test_two_of_a_name_are_nobody() -> None:
    """Both are told by number and node; the label `node` tells them apart."""
    found = locate_guest(firing(name="nas"), TWINS)

    assert found == NotLocated(
        candidates=["nas (lxc/101 on pve1)", "nas (lxc/201 on pve2)"], tried=["name=nas"]
    )
    assert isinstance(locate_guest(firing(name="nas", node="pve2"), TWINS), Found)


@pytest.mark.parametrize(
    ("labels", "speaks"),
    [
        ({"id": "lxc/101"}, True),
        ({"vmid": "101"}, True),
        ({"guest": "nas"}, True),
        ({"instance": "lxc/101"}, True),
        ({"id": "/docker/" + "a" * 64}, False),
        ({"name": "nas"}, False),
        ({"instance": "pve1:9100"}, False),
    ],
)
def test_which_alerts_speak_of_guests(labels: dict[str, str], speaks: bool) -> None:
    """Only labels that no container's alert carries: a name may be a container's too."""
    assert speaks_of_guests(firing(**labels)) is speaks
