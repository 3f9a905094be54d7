"""What is silent is named by its system."""

from domain.facts import Inventory
from domain.guests import GuestInventory
from nightshift.testing import evidence
from policy.degraded import silent_hosts, silent_sources


def test_a_source_is_named_once_with_what_it_did_not_show() -> None:
    """Two looks at one silent system are one trouble."""
    seen = [
        evidence("probe", "prometheus", status="error").model_copy(update={"summary": "refused"}),
        evidence("expression", "prometheus", status="error").model_copy(
            update={"summary": "refused"}
        ),
        evidence("volumes", "prometheus", status="no_data"),
        evidence("container", "docker"),
    ]

    assert silent_sources(seen, unset=[]) == {"Prometheus": "refused (probe, expression)"}


def test_what_nobody_configured_is_not_degraded() -> None:
    """A house without Prometheus is not ill."""
    seen = [evidence("probe", "prometheus", status="error")]

    assert silent_sources(seen, unset=["prometheus"]) == {}


def test_an_operators_own_tool_goes_by_its_name() -> None:
    """`custom` says nothing to anybody."""
    seen = [evidence("ups", "custom", status="error")]

    assert silent_sources(seen, unset=[]) == {"ups": "ups (ups)"}


def test_hosts_out_of_reach_are_named() -> None:
    """System, host and reason."""
    docker = Inventory(containers=[], unreachable={"nas": "refused"})

    assert silent_hosts(docker, GuestInventory()) == {"Docker": "out of reach on nas: refused"}
