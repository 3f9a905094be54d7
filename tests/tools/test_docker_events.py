"""Events reduced: what the real daemon was recorded to send, and who did it."""

from typing import Any

import pytest

from tools.docker_events import Reducer

ID = "a" * 64


def happened(action: str, **attributes: str) -> dict[str, Any]:
    """A container's event."""
    actor = {"ID": ID, "Attributes": {"name": "web", "image": "i", **attributes}}
    return {"Type": "container", "Action": action, "Actor": actor, "timeNano": 1795446106744480947}


def network(action: str, name: str = "lan", container: str = ID) -> dict[str, Any]:
    """A network's event."""
    actor = {"ID": "n", "Attributes": {"name": name, "container": container, "type": "bridge"}}
    return {"Type": "network", "Action": action, "Actor": actor, "timeNano": 1795446106744480947}


def told(events: list[dict[str, Any]]) -> list[str]:
    """What is left of these."""
    reducer = Reducer("nas", {ID: "web"})
    reduced = [reducer.reduce(event) for event in events]
    return [f"{e.action} {e.network}".strip() for e in reduced if e is not None]


def test_an_event_keeps_its_microsecond() -> None:
    """No float rounds the time; key, code and name are there."""
    event = Reducer("nas").reduce(happened("die", exitCode="137"))

    assert event is not None
    assert event.at.isoformat() == "2026-11-23T15:01:46.744480+00:00"
    assert (event.target_key, event.container_id, event.exit_code) == ("container:nas/web", ID, 137)


def test_health_and_signals_are_told() -> None:
    """The word after the colon, and the number of the signal."""
    reducer = Reducer("nas")
    health, kill = (
        reducer.reduce(happened("health_status: unhealthy")),
        reducer.reduce(happened("kill", signal="15")),
    )

    assert health is not None
    assert (health.action, health.health) == ("health_status", "unhealthy")
    assert kill is not None
    assert kill.signal == "15"


@pytest.mark.parametrize("verb", ["exec_create: sh -c x", "exec_die", "attach", "top", "create"])
def test_what_decides_nothing_is_left_out(verb: str) -> None:
    """Health checks' exec events and the like."""
    assert told([happened(verb)]) == []


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        # a crash, and the start after it
        ([happened("die"), network("disconnect"), network("connect"), happened("start")],
         ["die", "start"]),
        # a start that fails leaves the networks once more
        ([happened("die"), network("disconnect"), network("connect"), network("disconnect")],
         ["die"]),
        # somebody takes it off while it is down
        ([happened("die"), network("disconnect"), network("disconnect")],
         ["die", "disconnect lan"]),
        # two networks are left, each by itself
        ([happened("die"), network("disconnect", "a"), network("disconnect", "b")], ["die"]),
        # somebody cuts a running one; Docker says it twice
        ([happened("start"), network("disconnect"), network("disconnect"), network("connect")],
         ["start", "disconnect lan", "disconnect lan", "connect lan"]),
        # without the death in sight, in doubt it was somebody
        ([network("disconnect")], ["disconnect lan"]),
    ],
)  # fmt: skip
def test_only_a_persons_network_changes_are_told(
    events: list[dict[str, Any]], expected: list[str]
) -> None:
    """Leaving and joining that come with death and birth are nobody's doing."""
    assert told(events) == expected


def test_a_renamed_container_has_its_new_name() -> None:
    """Later network events carry it too."""
    reducer = Reducer("nas", {ID: "old"})
    reducer.reduce(happened("rename", oldName="/old"))
    event = reducer.reduce(network("disconnect"))

    assert event is not None
    assert event.target_key == "container:nas/web"


def test_a_network_event_of_an_unknown_container_is_left_out() -> None:
    """Without a name there is no target to tell of."""
    assert told([network("disconnect", container="b" * 64)]) == []
