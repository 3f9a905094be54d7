import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.attribution import actions, foreign
from lab.recorder import OwnCall, Seen

Row = tuple[float, str]


def story(*rows: Row, container: str = "c1", exit_code: int = 1) -> list[Seen]:
    """Events of one container, as dockerd 20.10 orders them."""
    return [
        Seen(
            at=at,
            container=container,
            action=action,
            exit_code=exit_code if action == "die" else None,
            network="main" if action in {"connect", "disconnect"} else "",
        )
        for at, action in rows
    ]


BOOT: list[Row] = [(0.0, "connect"), (0.3, "start")]
CRASH: list[Row] = [(10.0, "die"), (10.1, "disconnect")]
RESTART: list[Row] = [
    (20.0, "kill"),
    (20.03, "die"),
    (20.13, "disconnect"),
    (20.14, "stop"),
    (20.16, "connect"),
    (20.5, "start"),
    (20.5001, "restart"),
]
WORDS = ("kill", "die", "stop", "start", "restart", "destroy", "connect", "disconnect", "update")
STOP: list[Row] = [(20.0, "kill"), (20.03, "die"), (20.12, "disconnect"), (20.13, "stop")]


@pytest.mark.parametrize(
    ("rows", "policy", "verbs"),
    [
        (CRASH, "no", []),
        ([*CRASH, (12.0, "connect"), (12.3, "start")], "no", ["start"]),
        ([*CRASH, (12.0, "connect"), (12.3, "start")], "always", []),
        ([*CRASH, (12.0, "connect"), (12.3, "start")], "on-failure", []),
        ([*CRASH, (12.0, "connect"), (12.3, "start"), (12.31, "restart")], "no", ["restart"]),
        (RESTART, "no", ["restart"]),
        (RESTART, "always", ["restart"]),
        (STOP, "always", ["stop"]),
        ([*STOP, (30.0, "connect"), (30.3, "start")], "always", ["stop", "start"]),
        (
            [*STOP, (30.0, "connect"), (30.3, "start"), (30.31, "restart")],
            "no",
            ["stop", "restart"],
        ),
        ([(20.0, "kill"), (20.1, "die"), (20.2, "disconnect")], "no", ["kill"]),
        ([(20.0, "kill"), (20.1, "die"), (25.0, "start")], "always", ["kill", "start"]),
        ([(20.0, "pause"), (21.0, "unpause")], "no", ["pause", "unpause"]),
        ([(20.0, "disconnect"), (20.003, "disconnect")], "no", ["disconnect"]),
        ([(20.0, "disconnect"), (25.0, "connect")], "no", ["disconnect", "connect"]),
        (
            [(20.0, "update"), (20.2, "connect"), (20.5, "start")],
            "no",
            ["update", "connect", "start"],
        ),
        ([*CRASH, (12.0, "update"), (12.2, "connect"), (12.5, "start")], "no", ["update", "start"]),
        (
            [(20.0, "kill"), (20.1, "die"), (20.2, "disconnect"), (20.3, "destroy")],
            "no",
            ["destroy"],
        ),
        ([*CRASH, (12.0, "destroy")], "no", ["destroy"]),
        ([(20.0, "die"), (20.1, "stop")], "no", ["stop"]),
        (
            [(20.0, "die"), (20.1, "stop"), (20.4, "start"), (20.41, "restart")],
            "no",
            ["restart"],
        ),
        ([(20.0, "rename")], "no", ["rename"]),
        ([(20.0, "oom"), (20.1, "die"), (20.2, "disconnect")], "no", []),
    ],
)
def test_events_become_the_calls_that_made_them(
    rows: list[Row], policy: str, verbs: list[str]
) -> None:
    """Each API call is told once, and neither a crash nor Docker's own restart is a call."""
    events = story(*BOOT, *rows)

    found = [action.verb for action in actions(events, {"c1": policy}) if action.at > 1]

    assert found == verbs


@given(st.lists(st.sampled_from(WORDS), max_size=12), st.sampled_from(["no", "always"]))
def test_no_order_of_events_is_too_strange(words: list[str], policy: str) -> None:
    """Events of calls that overlap are told as calls, none of them more often than it ended."""
    events = story(*[(float(at), word) for at, word in enumerate(words)])

    found = [action.verb for action in actions(events, {"c1": policy})]

    assert all(found.count(end) == words.count(end) for end in ("restart", "stop", "destroy"))


def test_a_start_beyond_the_retries_of_the_policy_is_a_call() -> None:
    """`on-failure:1` restarts once; the second start was somebody's."""
    rows: list[Row] = [(1.0, "die"), (2.0, "start"), (3.0, "die"), (4.0, "start")]

    found = actions(story((0.0, "start"), *rows), {"c1": "on-failure:1"})

    assert [action.at for action in found] == [0.0, 4.0]


def test_a_clean_end_is_not_restarted_by_an_on_failure_policy() -> None:
    """After exit code 0 Docker does nothing, so a start is a call."""
    events = story((0.0, "start"), (1.0, "die"), (2.0, "start"), exit_code=0)

    found = actions(events, {"c1": "on-failure"})

    assert [action.at for action in found] == [0.0, 2.0]


def test_the_time_of_an_action_is_that_of_its_first_event() -> None:
    """A restart began with its kill; one of a dead container began with its start."""
    dead = story(*BOOT, *CRASH, (12.3, "start"), (12.31, "restart"))

    running = actions(story(*BOOT, *RESTART), {"c1": "no"})[-1]

    assert running.at == 20.0
    assert actions(dead, {"c1": "no"})[-1].at == 12.3


def test_containers_are_told_apart() -> None:
    """Events of one container explain nothing about another's."""
    other = story((20.4, "start"), container="c2")

    found = actions([*story(*BOOT, *RESTART), *other], {"c1": "no", "c2": "no"})

    assert [(one.container, one.verb) for one in found[1:]] == [("c1", "restart"), ("c2", "start")]


def test_a_command_inside_is_an_action_but_the_health_check_is_not() -> None:
    """Whoever runs commands in a service is seen."""
    checks = [
        Seen(at=1.0, container="c1", action="exec_create", detail="/service/health"),
        Seen(at=2.0, container="c1", action="exec_create", detail="rm -rf /data"),
    ]

    found = actions(checks, {"c1": "no"})

    assert [(one.at, one.verb) for one in found] == [(2.0, "exec")]


def test_the_labs_own_calls_are_taken_out_once() -> None:
    """Of two stops of the same container only the one inside the lab's call is the lab's."""
    second: list[Row] = [(at + 20, action) for at, action in STOP]
    restarted: list[Row] = [(30.0, "connect"), (30.3, "start")]
    found = actions(story(*BOOT, *STOP, *restarted, *second), {"c1": "no"})
    call = OwnCall(verb="stop", container="c1", begun=19.99, ended=20.2)

    left = [(one.verb, one.at) for one in foreign(found, [call]) if one.at > 1]

    assert left == [("start", 30.3), ("stop", 40.0)]


def test_another_container_or_verb_is_not_the_labs() -> None:
    """A call explains neither another verb nor another container at the same time."""
    found = actions(story(*BOOT, *STOP), {"c1": "no"})
    calls = [
        OwnCall(verb="stop", container="c2", begun=19.9, ended=20.2),
        OwnCall(verb="kill", container="c1", begun=19.9, ended=20.2),
    ]

    assert foreign(found, calls) == found
