from typing import Any

import pytest

from domain.facts import ContainerFacts
from domain.remedy import Effect, Precondition, Remedy, Verb
from nightshift.testing import container
from policy.blast import blast_radius

WEB = container("web", status="exited", exit_code=1)


def remedy(on: ContainerFacts, verb: Verb = "start") -> Remedy:
    """A remedy for `web` with one effect on that container."""
    effect = Effect(verb=verb, target=on.target, precondition=Precondition.of(on))
    return Remedy(
        name="restart_dependency",
        target=WEB.target,
        effects=[effect],
        risk="low",
        reversible=True,
        expect="",
        undo="",
    )


def reach(everyone: list[ContainerFacts], one: Remedy | None = None) -> str:
    """The reason with the product's own limits."""
    return blast_radius(one or remedy(WEB), everyone, count=3, share=0.5)


@pytest.mark.parametrize(
    ("sick", "well", "common"),
    [(2, 1, True), (2, 2, True), (2, 3, False), (1, 0, False), (2, 9, False)],
)
def test_many_at_once_is_a_common_cause(sick: int, well: int, common: bool) -> None:
    """With the target, three or more and over half of a host: no container is the patient."""
    others = [container(f"s{n}", status="dead") for n in range(sick)]
    fine = [container(f"w{n}") for n in range(well)]

    assert reach([WEB, *others, *fine]).startswith("common cause") is common


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({"status": "dead"}, True),
        ({"status": "restarting"}, True),
        ({"status": "exited", "exit_code": 1}, True),
        ({"health": "unhealthy"}, True),
        ({"status": "exited", "exit_code": 0}, False),
        ({"status": "exited", "exit_code": 143}, False),
        ({"status": "paused", "health": "unhealthy"}, False),
        ({"status": "created"}, False),
    ],
)
def test_who_counts_as_unwell(changes: dict[str, Any], counts: bool) -> None:
    """Ended jobs and stopped or paused containers are no sign of a common cause."""
    everyone = [WEB, container("a", **changes), container("b", **changes)]

    assert bool(reach(everyone)) is counts


def test_victims_of_one_dependency_are_one_trouble() -> None:
    """Three that stand on a broken one are not three roots."""
    db = container("db", status="exited", exit_code=1)
    victims = [container(f"v{n}", status="restarting", depends_on=["db"]) for n in range(3)]

    assert reach([db, *victims]) == ""


def test_another_host_is_another_matter() -> None:
    """Trouble elsewhere does not count here."""
    abroad = [container(f"a{n}", host="two", status="dead") for n in range(5)]

    assert reach([WEB, *abroad]) == ""


def test_nothing_done_reaches_nowhere() -> None:
    """A rung without effects has no radius."""
    sick = [container(f"s{n}", status="dead") for n in range(5)]
    idle = remedy(WEB).model_copy(update={"effects": []})

    assert reach([WEB, *sick], idle) == ""


def test_the_healthy_are_not_taken_down() -> None:
    """A healthy container is not restarted for another's sake."""
    db = container("db", health="healthy")

    assert "db is healthy" in reach([WEB, db], remedy(db, "restart"))


def test_a_healthy_twin_stands_in() -> None:
    """With a second healthy one of the same service, one may go down."""
    db, twin = container("db", health="healthy"), container("db-2", health="healthy")
    known = twin.target.model_copy(update={"service": "db"})
    everyone = [WEB, db, twin.model_copy(update={"target": known})]

    assert reach(everyone, remedy(db, "restart")) == ""


@pytest.mark.parametrize("health", ["none", "unhealthy", "starting"])
def test_the_unproved_may_be_restarted(health: str) -> None:
    """Who is not proved healthy is fair game for a remedy that policy allows."""
    db = container("db", health=health)

    assert reach([WEB, db], remedy(db, "restart")) == ""


def test_who_waits_for_no_job_is_a_root_of_its_own() -> None:
    """A dependency that ended well explains nobody's trouble."""
    job = container("migrate", status="exited", restart_policy="no")
    victims = [container(f"v{n}", status="restarting", depends_on=["migrate"]) for n in range(3)]

    assert reach([job, *victims]).startswith("common cause")
