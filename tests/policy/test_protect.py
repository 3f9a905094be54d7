import pytest

from domain.facts import Network, Port
from domain.limits import Limits
from nightshift.testing import container
from policy.protect import needed_by_us

PROM = container(
    "prometheus",
    ports=[Port(container="9090/tcp", host_ip="127.0.0.1", host_port=9090)],
    networks=[Network(name="mon", aliases=["prom"], ip="172.19.0.2")],
)
HERE = {"local": ["127.0.0.1", "localhost"]}


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (Limits(protected=["prometheus"]), "NIGHTSHIFT_PROTECTED"),
        (Limits(own_id=PROM.target.id[:12]), "Nightshift itself"),
        (Limits(own_id=PROM.target.id), "Nightshift itself"),
        (Limits(needs=["http://localhost:9090/"], addresses=HERE), "localhost:9090"),
        (Limits(needs=["http://prom:9090"]), "prom:9090"),
        (Limits(needs=["http://172.19.0.2:9090"]), "172.19.0.2:9090"),
        (Limits(needs=["http://localhost:9091/"], addresses=HERE), ""),
        (Limits(needs=["http://172.19.0.2"]), "172.19.0.2:80"),
        (Limits(needs=["http://192.0.2.1:9090"], addresses=HERE), ""),
        (Limits(protected=["prom"]), ""),
        (Limits(), ""),
    ],
)
def test_computes_what_is_needed(limits: Limits, why: str) -> None:
    """Listed, ourselves, or behind a URL that Nightshift depends on."""
    reason = needed_by_us(PROM, limits)

    assert why in reason
    assert bool(why) is bool(reason)


def test_nobody_is_not_protected() -> None:
    """What is not in the inventory is the scope rule's business."""
    assert needed_by_us(None, Limits(protected=["web"])) == ""
