from typing import Any

import pytest

from domain.facts import ContainerFacts
from nightshift.testing import container
from policy.relations import at_rest, dependencies, dependents

DB = container("db")
CACHE = container("cache")
API = container("api", depends_on=["db", "cache"])
WEB = container("web", depends_on=["api", "db"])
SIDE = container("side", network_mode=f"container:{API.target.id}")
ALL = [WEB, CACHE, API, DB, SIDE]


def names(containers: list[ContainerFacts]) -> list[str]:
    """Their names."""
    return [facts.target.name for facts in containers]


def test_dependencies_come_as_declared() -> None:
    """What a container declares it needs is found in the order of the declaration."""
    assert names(dependencies(API, ALL)) == ["db", "cache"]


def test_who_lends_its_network_is_a_dependency() -> None:
    """A `network_mode: service:` child stands on the container whose network it shares."""
    assert names(dependencies(SIDE, ALL)) == ["api"]


def test_dependents_include_network_children() -> None:
    """Everything that stands on a container is found, network children too."""
    assert set(names(dependents(API, ALL))) == {"web", "side"}


def test_dependents_come_in_dependency_order() -> None:
    """Who is needed by another of them comes first."""
    assert names(dependents(DB, ALL)) == ["api", "web"]


def test_other_projects_and_hosts_are_strangers() -> None:
    """A service of the same name in another project or on another host is not a dependency."""
    stranger = DB.model_copy(update={"target": DB.target.model_copy(update={"project": "x"})})
    abroad = container("cache", host="two")

    assert dependencies(API, [API, stranger, abroad]) == []


def test_nobody_depends_on_itself() -> None:
    """A container that names itself is not its own dependency."""
    odd = container("odd", depends_on=["odd"])

    assert dependencies(odd, [odd]) == []
    assert dependents(odd, [odd]) == []


def test_a_name_declared_twice_counts_once() -> None:
    """Compose labels and ours may name the same service."""
    twice = container("twice", depends_on=["db", "db"])

    assert names(dependencies(twice, ALL)) == ["db"]


@pytest.mark.parametrize(
    ("changes", "rests"),
    [
        ({"status": "created"}, True),
        ({"status": "exited", "restart_policy": "no"}, True),
        ({"status": "exited", "restart_policy": "on-failure"}, True),
        ({"status": "exited", "restart_policy": "no", "exit_code": 1}, False),
        ({"status": "exited", "restart_policy": "always"}, False),
        ({"status": "exited", "labels": {"nightshift.one_shot": "true"}}, True),
        (
            {"status": "exited", "restart_policy": "no", "labels": {"nightshift.one_shot": "no"}},
            False,
        ),
        ({"restart_policy": "no"}, False),
        ({"status": "dead", "restart_policy": "no"}, False),
    ],
)
def test_a_job_that_ended_well_is_at_rest(changes: dict[str, Any], rests: bool) -> None:
    """So is what was never started; a service that ended is not, nor a job that failed."""
    assert at_rest(container("migrate", **changes)) is rests
