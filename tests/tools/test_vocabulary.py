import pytest

from domain.facts import ContainerStats
from domain.plain import JsonValue, Plain
from nightshift.testing.builders import T0, container, guest, node
from policy import reading, reading_guest
from policy.desired import Stop
from tools.vocabulary import EXAMPLE

ONE = container("db", status="exited", exit_code=1)
STATS = ContainerStats(memory_usage=1, memory_limit=2, at=T0)

MADE: dict[str, Plain] = {
    "container": reading.container_data(ONE, last=None, needed=False, now=T0),
    "stop": Stop(by="crash", detail="exited by itself with code 1").plain(),
    "logs": reading.logs_data(["panic"], names=["db"]),
    "stats": reading.stats_data(STATS),
    "events": reading.events_data([], ours=[], now=T0),
    "dependencies": reading.relations_data([ONE]),
    "dependents": reading.relations_data([ONE]),
    "volumes": reading.volumes_data({"/": 0.5}),
    "memory_trend": reading.trend_data([1.0, 2.0], limit=4, step_s=5.0),
    "guest": reading_guest.guest_data(guest()),
    "node": reading_guest.node_data(node()),
    "host": reading_guest.host_data("local", guest(), node()),
}


def kinds_of(value: JsonValue) -> object:
    """The shape of a value: its fields and types, those of a list's first item included."""
    if isinstance(value, dict):
        return {key: kinds_of(item) for key, item in value.items()}
    return [kinds_of(value[0])] if isinstance(value, list) and value else type(value)


@pytest.mark.parametrize("kind", sorted(MADE))
def test_the_example_has_the_fields_of_real_evidence(kind: str) -> None:
    """What runbooks are checked against is what evidence really looks like."""
    assert set(EXAMPLE[kind]) == set(MADE[kind])


@pytest.mark.parametrize("kind", sorted(MADE))
def test_the_example_has_the_types_of_real_evidence(kind: str) -> None:
    """A field that is a number in real evidence is one in the example too."""
    shapes = {key: kinds_of(value) for key, value in MADE[kind].items() if value != []}

    assert {key: kinds_of(EXAMPLE[kind][key]) for key in shapes} == shapes


def test_a_host_that_only_metrics_know_looks_the_same() -> None:
    """With and without Proxmox, runbooks find the same fields."""
    assert set(reading_guest.booted_data("local", 9.0)) == set(EXAMPLE["host"])
