from typing import Any

import pytest

from lab.recorder import parse


def event(kind: str, action: str, **attributes: str) -> dict[str, Any]:
    """An event of the Docker API."""
    return {
        "Type": kind,
        "Action": action,
        "Actor": {"ID": "f00", "Attributes": attributes},
        "timeNano": 1_500_000_000,
    }


def test_a_containers_event_is_about_its_actor() -> None:
    """Id, time in seconds, exit code."""
    seen = parse(event("container", "die", exitCode="137", name="web"))

    assert seen is not None
    assert (seen.container, seen.at, seen.action, seen.exit_code) == ("f00", 1.5, "die", 137)


def test_a_networks_event_is_about_the_container_in_it() -> None:
    """Whose network changed, and which."""
    seen = parse(event("network", "disconnect", container="c1", name="main"))

    assert seen is not None
    assert (seen.container, seen.network) == ("c1", "main")


def test_an_event_without_a_container_is_nothing() -> None:
    """A network being made concerns nobody."""
    assert parse(event("network", "create", name="main")) is None


@pytest.mark.parametrize(
    ("action", "word", "detail"),
    [
        ("exec_create: /service/fault crash", "exec_create", "/service/fault crash"),
        ("health_status: unhealthy", "health_status", "unhealthy"),
    ],
)
def test_the_words_behind_a_colon_are_kept_apart(action: str, word: str, detail: str) -> None:
    """Docker packs the command and the health into the action."""
    seen = parse(event("container", action))

    assert seen is not None
    assert (seen.action, seen.detail) == (word, detail)
