from typing import Any

import pytest

from domain.remedy import LADDER, Effect, Precondition, Remedy, RemedyName
from nightshift.testing import T0, container

WEB, DB = container("web", status="exited"), container("db", status="exited")


def remedy(*on: Any, name: RemedyName = "start") -> Remedy:
    """A start of these containers."""
    effects = [
        Effect(verb="start", target=facts.target, precondition=Precondition.of(facts))
        for facts in on
    ]
    return Remedy(
        name=name,
        target=WEB.target,
        effects=effects,
        risk="low",
        reversible=True,
        expect="",
        undo="",
    )


def test_touches_are_sorted_and_single() -> None:
    """Claims are taken in one order everywhere, so that no two wait for each other."""
    assert remedy(WEB, DB, WEB).touches == ["container:local/db", "container:local/web"]


@pytest.mark.parametrize(
    "other",
    [
        remedy(DB),
        remedy(WEB, DB),
        remedy(WEB, name="restart"),
        remedy(container("web", status="exited", image_id="sha256:new")),
        remedy(container("web", status="paused")),
    ],
)
def test_the_digest_binds_remedy_and_facts(other: Remedy) -> None:
    """Another remedy, target, image or status class is not what was approved."""
    assert other.digest != remedy(WEB).digest


def test_the_digest_does_not_know_the_time() -> None:
    """A later end of the same container is the same remedy: approvals survive crash loops."""
    later = container("web", status="exited", finished_at=T0, restart_count=9)

    assert remedy(later).digest == remedy(WEB).digest


def test_the_digest_survives_a_checkpoint() -> None:
    """Rebuilt from plain values it is the same."""
    assert Remedy.parse(remedy(WEB, DB).plain()).digest == remedy(WEB, DB).digest


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("running", "up"),
        ("paused", "paused"),
        ("restarting", "looping"),
        ("exited", "down"),
        ("dead", "down"),
        ("created", "down"),
        ("removing", "down"),
    ],
)
def test_status_classes(status: str, kind: str) -> None:
    """Every status belongs to one class."""
    assert Precondition.of(container(status=status)).status_class == kind


def test_the_ladder_begins_and_ends_harmlessly() -> None:
    """Waiting comes first, a person last, and each remedy has one place."""
    assert LADDER[0] == "wait"
    assert LADDER[-1] == "escalate"
    assert len(set(LADDER)) == len(LADDER)
