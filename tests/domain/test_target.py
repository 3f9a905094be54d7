from nightshift.testing import target


def test_the_key_survives_a_recreate() -> None:
    """A container made anew under the name keeps its claims, cool-downs and desired state."""
    again = target(id="f" * 64)

    assert again.key == target().key == "container:local/web"


def test_hosts_and_kinds_are_kept_apart() -> None:
    """The same name elsewhere, or of another kind, is another target."""
    assert len({target().key, target(host="two").key, target(kind="vm").key}) == 3


def test_a_guest_is_known_by_its_number() -> None:
    """Two guests of a node may share a name, never a number."""
    one, other = (target(kind="lxc", host="pve1", id=number) for number in ("101", "102"))

    assert (one.key, other.key) == ("lxc:pve1/101", "lxc:pve1/102")


def test_a_guests_path_is_the_exporters() -> None:
    """As prometheus-pve-exporter writes it into the label `id`."""
    paths = [target(kind=kind, id="101").path for kind in ("lxc", "vm", "node")]

    assert paths == ["lxc/101", "qemu/101", "node/101"]
