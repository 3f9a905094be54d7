import pytest

from domain.guests import GuestInventory
from nightshift.testing import guest, node
from policy.ground import Bearer, docker_hosts_on, under_docker, what_is_down, words

NAS = guest("nas")
OLD = guest("old", id="109", status="stopped", template=True)
VM = guest("cellar", kind="vm", id="100", status="stopped")
CLUSTER = GuestInventory(nodes=[node("pve1"), node("attic", online=False)], guests=[NAS, VM, OLD])


@pytest.mark.parametrize(
    ("host", "told", "path"),
    [
        ("local", {"local": "lxc/101"}, "lxc/101"),
        ("local", {"local": "qemu/100"}, "qemu/100"),
        ("local", {"local": "vm/100"}, "qemu/100"),
        ("local", {"local": "node/pve1"}, "node/pve1"),
        ("nas", {}, "lxc/101"),
        ("attic", {}, "node/attic"),
        ("local", {}, None),
        ("old", {}, None),
        ("nas", {"nas": "lxc/999"}, None),
        ("local", {"local": "nas"}, None),
    ],
)
def test_what_a_docker_host_runs_on(host: str, told: dict[str, str], path: str | None) -> None:
    """By configuration, else by exactly its name; a template carries nothing."""
    foot = under_docker(host, CLUSTER, told)

    assert (foot.bearer.target.path if foot else None) == path
    assert not foot or foot.told is bool(told)


def test_the_hosts_on_a_guest() -> None:
    """The same the other way round."""
    hosts = docker_hosts_on(
        NAS.target, CLUSTER, {"a": "lxc/101", "b": "qemu/100"}, {"a", "b", "nas"}
    )

    assert hosts == {"a", "nas"}


@pytest.mark.parametrize(
    ("bearer", "down"),
    [
        (NAS, None),
        (VM, "cellar"),
        (guest("far", node="attic"), "attic"),
        (guest("dim", status="unknown"), None),
        (guest("asleep", status="paused"), "asleep"),
        (node("pve1"), None),
        (node("attic", online=False), "attic"),
    ],
)
def test_the_lowest_that_is_down(bearer: Bearer, down: str | None) -> None:
    """A node before its guest; what cannot be seen is not known to be down."""
    found = what_is_down(bearer, CLUSTER)

    assert (found.target.name if found else None) == down


def test_words_name_it_and_its_state() -> None:
    """Enough to find it in the web interface."""
    assert words(VM) == "cellar (qemu/100 on pve1) is stopped"
    assert words(CLUSTER.nodes[1]) == "attic (node/attic) is offline"
