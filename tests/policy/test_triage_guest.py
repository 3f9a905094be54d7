from typing import Any

import pytest

from domain.plain import Plain
from nightshift.testing import guest, node
from policy.reading_guest import guest_data, node_data
from policy.triage import triage


def seen(alert: dict[str, str] | None = None, source: str = "alertmanager", **changes: Any) -> str:
    """The word on a guest in this state."""
    labels: Plain = {"id": "lxc/101"} if alert is None else {**alert}
    told: Plain = {"labels": labels, "source": source}
    names: list[str] = [kind for kind in ("probe", "expression") if kind in changes]
    extra = {kind: changes.pop(kind) for kind in names}
    found: dict[str, Plain] = {"guest": guest_data(guest(**changes)), "alert": told}
    found.update(extra)
    return triage(found, "lxc").kind


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "recovered"),
        ({"status": "stopped"}, "broken"),
        ({"status": "paused"}, "broken"),
        ({"status": "unknown"}, "broken"),
        ({"memory_usage": 500 * 1024**2}, "broken"),
        ({"memory_usage": 500 * 1024**2, "kind": "vm"}, "recovered"),
        ({"probe": {"state": "bad"}}, "broken"),
        ({"expression": {"state": "firing"}}, "broken"),
        ({"expression": {"state": "clear"}}, "recovered"),
        ({"template": True, "status": "stopped"}, "finished"),
        ({"lock": "snapshot"}, "recovered"),
    ],
)
def test_by_what_is_seen(changes: dict[str, Any], word: str) -> None:
    """Status, memory of a container, probe and expression; a template never runs."""
    assert seen(**changes) == word


@pytest.mark.parametrize(
    ("alert", "source", "word"),
    [
        ({"id": "lxc/101"}, "alertmanager", "broken"),
        ({"vmid": "101"}, "alertmanager", "broken"),
        ({"name": "nas"}, "alertmanager", "broken"),
        ({"name": "web"}, "alertmanager", "finished"),
        ({"id": "lxc/101"}, "check", "finished"),
    ],
)
def test_not_set_to_start_on_boot(alert: dict[str, str], source: str, word: str) -> None:
    """It is meant to be down, unless an alert from outside names it."""
    assert seen(alert, source, status="stopped", onboot=False) == word


def test_what_could_not_be_seen_is_broken() -> None:
    """Evidence about the node alone does not speak for a guest."""
    assert triage({"node": node_data(node())}, "lxc").kind == "broken"
    assert triage({}, "node").kind == "broken"


@pytest.mark.parametrize(("online", "firing", "word"), [
    (False, False, "broken"), (True, True, "broken"), (True, False, "recovered"),
])  # fmt: skip
def test_nodes(online: bool, firing: bool, word: str) -> None:
    """Offline, or online with an alert that holds."""
    state: Plain = {"state": "firing" if firing else "clear"}

    assert (
        triage({"node": node_data(node(online=online)), "expression": state}, "node").kind == word
    )
