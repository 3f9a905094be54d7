from datetime import timedelta

import pytest
from pydantic import ValidationError

from domain.alert import Alert
from nightshift.testing import T0, firing


def severity(word: str) -> str:
    """The grade of that label."""
    alert = firing()
    return alert.model_copy(update={"labels": {**alert.labels, "severity": word}}).severity


@pytest.mark.parametrize(
    ("word", "grade"),
    [
        ("critical", "critical"),
        ("PAGE", "critical"),
        ("emergency", "critical"),
        ("high", "critical"),
        ("warning", "warning"),
        ("", "warning"),
        ("bananas", "warning"),
        ("info", "info"),
        ("none", "info"),
    ],
)
def test_severity_has_three_grades(word: str, grade: str) -> None:
    """Any label folds to one of three; what nobody knows counts as warning."""
    assert severity(word) == grade


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ContainerDown", "Container Down"),
        ("HTTPErrorRate", "HTTP Error Rate"),
        ("oom_killed", "oom_killed"),
    ],
)
def test_names_are_split_into_words(name: str, words: str) -> None:
    """Camel case is split, so that renamed alerts stay alike."""
    assert firing(name).words == words


@pytest.mark.parametrize(
    ("annotations", "summary"),
    [
        ({"summary": "s", "description": "d"}, "s"),
        ({"description": "d"}, "d"),
        ({}, "ContainerDown"),
    ],
)
def test_summary_falls_back_to_the_name(annotations: dict[str, str], summary: str) -> None:
    """What the rule's author wrote, else the name."""
    assert firing().model_copy(update={"annotations": annotations}).summary == summary


def test_the_same_episode_is_the_same_incident() -> None:
    """Repeated deliveries and a `resolved` of the episode have one id."""
    alert = firing()
    resolved = alert.model_copy(update={"status": "resolved", "ends_at": T0})

    assert alert.incident_id(tenant="a", occurrence=1) == resolved.incident_id(
        tenant="a", occurrence=1
    )


def test_every_occurrence_tenant_and_start_is_another() -> None:
    """A later occurrence, another tenant or another start is another incident."""
    alert = firing()
    later = alert.model_copy(update={"starts_at": alert.starts_at + timedelta(seconds=1)})
    ids = {
        alert.incident_id(tenant="a", occurrence=1),
        alert.incident_id(tenant="a", occurrence=2),
        alert.incident_id(tenant="b", occurrence=1),
        later.incident_id(tenant="a", occurrence=1),
    }

    assert len(ids) == 4


def test_an_alert_without_a_fingerprint_is_none() -> None:
    """Identity is not optional."""
    with pytest.raises(ValidationError):
        Alert(fingerprint="", status="firing", starts_at=T0)
