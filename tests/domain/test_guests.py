import pytest
from pydantic import TypeAdapter

from domain.facts import ContainerFacts
from domain.guests import Facts, GuestFacts, GuestInventory
from domain.remedy import Precondition
from nightshift.testing import container, guest, node

ANY: TypeAdapter[ContainerFacts | GuestFacts] = TypeAdapter(Facts)


@pytest.mark.parametrize("facts", [container(), guest(), guest(kind="vm", status="paused")])
def test_facts_come_back_as_what_they_were(facts: ContainerFacts | GuestFacts) -> None:
    """The journal keeps containers and guests alike; the target's kind tells them apart."""
    assert ANY.validate_python(facts.plain()) == facts
    assert ANY.validate_python(facts) is facts


@pytest.mark.parametrize(
    ("status", "lock", "well"),
    [("running", "", True), ("running", "backup", False), ("stopped", "", False)],
)
def test_well_is_running_and_left_alone(status: str, lock: str, well: bool) -> None:
    """A guest in somebody's hands is not well yet."""
    assert guest(status=status, lock=lock).well is well


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("running", "up"),
        ("stopped", "down"),
        ("paused", "paused"),
        ("suspended", "paused"),
        ("unknown", "unknown"),
    ],
)
def test_status_classes(status: str, kind: str) -> None:
    """What is unknown is not down: nothing may be decided on it."""
    assert Precondition.of(guest(status=status)).status_class == kind


def test_looks_up_by_target_and_name() -> None:
    """A guest by node and number, a node by its name; else nothing."""
    cluster = GuestInventory(nodes=[node()], guests=[guest()])

    assert cluster.guest(guest().target) == guest()
    assert cluster.guest(guest(node="pve2").target) is None
    assert (cluster.node("pve1"), cluster.node("pve")) == (node(), None)
